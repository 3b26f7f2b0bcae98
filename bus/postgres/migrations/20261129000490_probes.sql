-- migrate:up

-- The last probe of each route: '' is the bus's own way, a note on a virtual ticket; all others are targets.
CREATE TABLE probes (
    route         text        PRIMARY KEY,
    ticket_id     text        NOT NULL DEFAULT '',
    version       integer,                                -- of the note; NULL until it is accepted
    sent_at       timestamptz NOT NULL DEFAULT now(),
    home_at       timestamptz,                            -- when one came home last
    missing_since timestamptz,                            -- when the first was sent that none followed home
    waits_at      text        NOT NULL DEFAULT '',        -- where it is, or why it failed
    every         interval    NOT NULL,
    within        interval    NOT NULL
);

-- migrate:down

DROP TABLE probes;
