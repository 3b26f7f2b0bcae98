-- migrate:up
-- Dead letters: deliveries given up, each with its bytes, its attempts and its cause. Never deleted by what is done to it.
CREATE TABLE letters (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target      text        NOT NULL,
    ticket_id   text        NOT NULL,
    version     integer     NOT NULL,
    event       text        NOT NULL,
    trace_id    text        NOT NULL,
    reason      text        NOT NULL, -- why it is not tried again
    kind        text        NOT NULL, -- how its last attempt failed
    cause       text        NOT NULL, -- the same for letters that one repair would mend
    detail      text        NOT NULL,
    attempts    integer     NOT NULL,
    failures    jsonb       NOT NULL,
    value       bytea       NOT NULL,
    died_at     timestamptz NOT NULL,
    state       text        NOT NULL DEFAULT 'open', -- open, retried, discarded
    decided_at  timestamptz,
    decided_by  text,
    decided_why text
);
CREATE UNIQUE INDEX letters_open ON letters (target, ticket_id, version) WHERE state = 'open';
CREATE INDEX letters_ticket ON letters (ticket_id);

-- migrate:down
DROP TABLE letters;
