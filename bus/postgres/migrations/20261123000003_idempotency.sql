-- migrate:up
-- What clients did in the dead-letter room, by idempotency key: done once, and answered alike when asked again.
CREATE TABLE deeds (
    command_id  uuid        PRIMARY KEY,
    fingerprint text        NOT NULL,
    answer      jsonb, -- there as soon as the transaction is
    done_at     timestamptz NOT NULL
);

-- migrate:down
DROP TABLE deeds;
