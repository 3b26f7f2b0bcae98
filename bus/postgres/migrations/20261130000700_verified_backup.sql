-- migrate:up

-- The newest backup that `ticketbus backup DIR --verify` found whole: what losing PostgreSQL would fall back on.
CREATE TABLE verified_backup (
    one              boolean     PRIMARY KEY DEFAULT true CHECK (one),
    prepared_at      timestamptz NOT NULL DEFAULT now(),
    age_max          interval    NOT NULL DEFAULT '8 days',  -- as workers are set; 0: nobody asks for a backup
    place            text        NOT NULL DEFAULT '',        -- host:directory
    restorable_until timestamptz,
    verified_at      timestamptz,
    damage           text        NOT NULL DEFAULT ''         -- what a later --verify of it found
);
INSERT INTO verified_backup DEFAULT VALUES;

-- migrate:down

DROP TABLE verified_backup;
