-- migrate:up
-- From which region the event took the ticket, where it did: a header of the record.
ALTER TABLE outbox ADD COLUMN region_before text;

-- migrate:down
ALTER TABLE outbox DROP COLUMN region_before;
