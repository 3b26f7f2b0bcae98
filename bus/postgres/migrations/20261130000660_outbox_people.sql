-- migrate:up
-- With whom the event's ticket is: headers of the record. Null: not known, as in rows that an older release wrote.
ALTER TABLE outbox
    ADD COLUMN assignee text,
    ADD COLUMN assignee_before text; -- where the event took the ticket from somebody

-- migrate:down
ALTER TABLE outbox DROP COLUMN assignee, DROP COLUMN assignee_before;
