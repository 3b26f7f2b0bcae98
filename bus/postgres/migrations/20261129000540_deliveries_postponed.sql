-- migrate:up
-- Why a delivery that is next of its ticket is not to be tried before next_at, in the target's words: quiet hours, a cap.
ALTER TABLE delivery_heads ADD COLUMN postponed text;
CREATE INDEX delivery_heads_postponed ON delivery_heads (target, ticket_id) WHERE postponed IS NOT NULL;

-- migrate:down
ALTER TABLE delivery_heads DROP COLUMN postponed;
