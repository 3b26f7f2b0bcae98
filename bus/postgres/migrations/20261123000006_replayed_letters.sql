-- migrate:up
-- Input that is sent again goes back to its door by itself, whatever becomes of the news of it.
ALTER TABLE letter_decisions ADD COLUMN returned_at timestamptz;
UPDATE letter_decisions SET returned_at = published_at WHERE decision = 'retried';
CREATE INDEX letter_decisions_unreturned ON letter_decisions (id) WHERE decision = 'retried' AND returned_at IS NULL;

-- migrate:down
ALTER TABLE letter_decisions DROP COLUMN returned_at;
