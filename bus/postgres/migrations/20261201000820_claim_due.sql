-- migrate:up

-- Until when a ticket that was offered is to be claimed, in UTC to the second, as its state has it: sorted as text it is
-- sorted by time. A column, and no index over the state: most changes of a ticket leave it as it is.
ALTER TABLE ticket_states ADD COLUMN claim_due_at text COLLATE "C" GENERATED ALWAYS AS (
    CASE WHEN state ->> 'state' = 'assigned' THEN state -> 'routing' ->> 'claim_due_at' END) STORED;
CREATE INDEX ticket_states_claim_due_at ON ticket_states (claim_due_at) WHERE claim_due_at IS NOT NULL;

-- migrate:down

DROP INDEX ticket_states_claim_due_at;
ALTER TABLE ticket_states DROP COLUMN claim_due_at;
