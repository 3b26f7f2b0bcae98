-- migrate:up

-- What others look up states by, as columns, and no index over the state: most changes of a ticket leave them as they are,
-- so that they touch no index. All at once: each statement would rewrite the table. Times are as the state spells them: in
-- UTC, so that sorted as text they are sorted by time to the second.
ALTER TABLE ticket_states
    -- Who has a ticket that is open, by name (R5). Empty: it waits for somebody; null: it is over, or a virtual ticket. Of
    -- the imported past none waits.
    ADD COLUMN handler text GENERATED ALWAYS AS (
        CASE WHEN ticket_id LIKE 'V%' THEN NULL
             WHEN state ->> 'state' IN ('assigned', 'in_progress') THEN state -> 'assignee' ->> 'person'
             WHEN state ->> 'state' = 'pending' AND state ->> 'historic' = 'false' THEN ''
        END) STORED,
    -- When the bus is to act next on a request that waits for the customer (R20).
    ADD COLUMN closure_next_at text COLLATE "C" GENERATED ALWAYS AS (state -> 'closure' ->> 'next_at') STORED,
    -- Until when a ticket that was offered is to be claimed (R5).
    ADD COLUMN claim_due_at text COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN state ->> 'state' = 'assigned' THEN state -> 'routing' ->> 'claim_due_at' END) STORED,
    -- In which column of the dispatcher's board a ticket stands and since when (R11). Null: the imported past, and
    -- virtual tickets.
    ADD COLUMN board_state text GENERATED ALWAYS AS (
        CASE WHEN ticket_id NOT LIKE 'V%' AND state ->> 'historic' = 'false' THEN state ->> 'state' END) STORED,
    ADD COLUMN board_since text COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN state ->> 'state' = 'closed' THEN state ->> 'closed_at'
             ELSE coalesce(state ->> 'state_since', state ->> 'opened_at') END) STORED;
CREATE INDEX ticket_states_handler ON ticket_states (handler) WHERE handler IS NOT NULL;
CREATE INDEX ticket_states_closure ON ticket_states (closure_next_at) WHERE closure_next_at IS NOT NULL;
CREATE INDEX ticket_states_claim_due_at ON ticket_states (claim_due_at) WHERE claim_due_at IS NOT NULL;
CREATE INDEX ticket_states_board ON ticket_states (board_state, board_since, ticket_id) WHERE board_state IS NOT NULL;

-- migrate:down

DROP INDEX ticket_states_board;
DROP INDEX ticket_states_claim_due_at;
DROP INDEX ticket_states_closure;
DROP INDEX ticket_states_handler;
ALTER TABLE ticket_states DROP COLUMN board_since, DROP COLUMN board_state, DROP COLUMN claim_due_at,
    DROP COLUMN closure_next_at, DROP COLUMN handler;
