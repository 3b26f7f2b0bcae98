-- migrate:up

-- Undeclared topics that somebody uses, as the check of the living contract last saw them.
CREATE TABLE topic_mismatches (
    kind     text        NOT NULL,            -- subscription, stream, topic
    who      text        NOT NULL,            -- a consumer group, a client of the gateway; of a topic nobody
    topic    text        NOT NULL,
    nearest  text        NOT NULL,            -- the declared topic that was meant
    members  text[]      NOT NULL,            -- client id @ host (member id)
    times    bigint      NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, who, topic)
);

-- When the last check of the living contract began; workers take turns.
CREATE TABLE topic_checks (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
    begun_at timestamptz NOT NULL
);
INSERT INTO topic_checks (begun_at) VALUES ('-infinity');

-- migrate:down

DROP TABLE topic_checks, topic_mismatches;
