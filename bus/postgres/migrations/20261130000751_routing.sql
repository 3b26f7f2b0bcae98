-- migrate:up

-- When the bus last assigned somebody a ticket; null: never.
ALTER TABLE people ADD COLUMN assigned_at timestamptz;

-- Empty: the ticket waits for somebody; null: it is over, or a virtual ticket. Of the imported past none waits.
ALTER TABLE ticket_states
    DROP COLUMN handler,
    ADD COLUMN handler text GENERATED ALWAYS AS (
        CASE WHEN ticket_id LIKE 'V%' THEN NULL
             WHEN state ->> 'state' IN ('assigned', 'in_progress') THEN state -> 'assignee' ->> 'person'
             WHEN state ->> 'state' = 'pending' AND state ->> 'historic' = 'false' THEN ''
        END) STORED;
CREATE INDEX ticket_states_handler ON ticket_states (handler) WHERE handler IS NOT NULL;

-- When a ticket that waits for somebody is to be routed again.
CREATE TABLE routing_turns (
    ticket_id text        PRIMARY KEY,
    next_at   timestamptz NOT NULL
);
CREATE INDEX routing_turns_next ON routing_turns (next_at);

-- migrate:down

DROP TABLE routing_turns;
ALTER TABLE ticket_states
    DROP COLUMN handler,
    ADD COLUMN handler text GENERATED ALWAYS AS (
        CASE WHEN state ->> 'state' IN ('assigned', 'in_progress') AND ticket_id NOT LIKE 'V%'
             THEN state -> 'assignee' ->> 'person' END) STORED;
CREATE INDEX ticket_states_handler ON ticket_states (handler) WHERE handler IS NOT NULL;
ALTER TABLE people DROP COLUMN assigned_at;
