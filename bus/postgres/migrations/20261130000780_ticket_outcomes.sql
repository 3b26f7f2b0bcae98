-- migrate:up

-- Read model `outcomes`: what the metrics ask of each ticket. What led to its first closure stays as it was then.
CREATE TABLE ticket_outcomes (
    ticket_id        text        PRIMARY KEY,
    version          integer     NOT NULL,
    historic         boolean     NOT NULL,
    source           text        NOT NULL,
    type             text        NOT NULL,
    serial           text        NOT NULL, -- in its one spelling; empty: not known
    key_kind         text        NOT NULL,
    key              text        NOT NULL, -- in its one spelling; empty: a phone, which `ticket_phones` has
    opened_at        timestamptz NOT NULL,
    resolved_at      timestamptz,
    root_cause       text        NOT NULL,
    closed_at        timestamptz,          -- the first time
    reopened_at      timestamptz,          -- the first time after that
    handlers         text[]      NOT NULL,
    handlers_unknown boolean     NOT NULL,
    visits           integer     NOT NULL,
    sent_back        integer     NOT NULL, -- closures rejected, and what was solved and opened again
    asked            integer     NOT NULL,
    joined_number    integer     NOT NULL,
    joined_key       integer     NOT NULL,
    joined_elsewhere integer     NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ticket_outcomes_opened ON ticket_outcomes (opened_at);
CREATE INDEX ticket_outcomes_resolved ON ticket_outcomes (resolved_at) WHERE resolved_at IS NOT NULL;
-- With those that are not closed: duplicates are looked for among them.
CREATE INDEX ticket_outcomes_closed ON ticket_outcomes (closed_at);

-- migrate:down

DROP TABLE ticket_outcomes;
