-- migrate:up
-- Headers are read of the row: the state, which has it too, is compressed. NULL in rows of before: the state says it.
ALTER TABLE outbox ADD COLUMN region text;

-- migrate:down
ALTER TABLE outbox DROP COLUMN region;
