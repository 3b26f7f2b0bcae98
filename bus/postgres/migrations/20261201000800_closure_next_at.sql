-- migrate:up

-- When the bus is to act next on a request that waits for the customer (R20), as the state spells it. A column, and no
-- index over the state: most changes of a ticket leave it as it is, so that they touch no index.
ALTER TABLE ticket_states ADD COLUMN closure_next_at text COLLATE "C" GENERATED ALWAYS AS (
    state -> 'closure' ->> 'next_at') STORED;
CREATE INDEX ticket_states_closure ON ticket_states (closure_next_at) WHERE closure_next_at IS NOT NULL;

-- migrate:down

DROP INDEX ticket_states_closure;
ALTER TABLE ticket_states DROP COLUMN closure_next_at;
