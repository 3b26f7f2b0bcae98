-- migrate:up

-- When a ticket that waits for somebody is to be routed again.
CREATE TABLE routing_turns (
    ticket_id text        PRIMARY KEY,
    next_at   timestamptz NOT NULL
);
CREATE INDEX routing_turns_next ON routing_turns (next_at);

-- migrate:down

DROP TABLE routing_turns;
