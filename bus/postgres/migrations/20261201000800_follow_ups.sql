-- migrate:up

-- When the bus is to act next on a request that waits for the customer (R20), and until when a ticket that was offered is
-- to be claimed (R5), as the state spells them: in UTC to the second, so that sorted as text they are sorted by time.
-- Columns, and no index over the state: most changes of a ticket leave them as they are, so that they touch no index.
-- Both at once: each rewrites the table.
ALTER TABLE ticket_states
    ADD COLUMN closure_next_at text COLLATE "C" GENERATED ALWAYS AS (state -> 'closure' ->> 'next_at') STORED,
    ADD COLUMN claim_due_at text COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN state ->> 'state' = 'assigned' THEN state -> 'routing' ->> 'claim_due_at' END) STORED;
CREATE INDEX ticket_states_closure ON ticket_states (closure_next_at) WHERE closure_next_at IS NOT NULL;
CREATE INDEX ticket_states_claim_due_at ON ticket_states (claim_due_at) WHERE claim_due_at IS NOT NULL;

-- migrate:down

DROP INDEX ticket_states_claim_due_at;
DROP INDEX ticket_states_closure;
ALTER TABLE ticket_states DROP COLUMN closure_next_at, DROP COLUMN claim_due_at;
