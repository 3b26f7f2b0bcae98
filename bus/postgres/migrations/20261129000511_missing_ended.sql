-- migrate:up
-- A missing ticket that its source had ended by the time somebody opened what never arrived: nobody waits for it.
ALTER TABLE missing_tickets DROP CONSTRAINT missing_tickets_settled_check,
    ADD CONSTRAINT missing_tickets_settled_check CHECK (settled IN ('arrived', 'opened', 'unlisted', 'ended'));

-- migrate:down
UPDATE missing_tickets SET settled = 'unlisted' WHERE settled = 'ended';
ALTER TABLE missing_tickets DROP CONSTRAINT missing_tickets_settled_check,
    ADD CONSTRAINT missing_tickets_settled_check CHECK (settled IN ('arrived', 'opened', 'unlisted'));
