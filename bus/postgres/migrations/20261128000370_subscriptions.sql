-- migrate:up

-- Who reads from outside: a client of the gateway, or a system that reads Kafka. A row is never changed, only removed.
CREATE TABLE subscriptions (
    number      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client      text        NOT NULL CHECK (client ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    version     text        NOT NULL,
    owner       text        NOT NULL,           -- the team that runs the client
    contact     text        NOT NULL,           -- where that team is reached; no phone number
    topics      text[]      NOT NULL CHECK (cardinality(topics) > 0),
    types       text[]      NOT NULL,           -- the events that it uses; none: all of its topics
    groups      text[]      NOT NULL,           -- its consumer groups on Kafka; with * at the end: all that begin so
    added_at    timestamptz NOT NULL DEFAULT now(),
    added_by    text        NOT NULL,
    added_why   text        NOT NULL,
    removed_at  timestamptz,
    removed_by  text,
    removed_why text
);
CREATE UNIQUE INDEX subscriptions_live ON subscriptions (client, version) WHERE removed_at IS NULL;

-- Who has been seen reading which declared topic: members of consumer groups, streams of the gateway.
CREATE TABLE topic_readers (
    kind     text        NOT NULL,              -- group, stream
    who      text        NOT NULL,              -- a consumer group, or a client of the gateway
    topic    text        NOT NULL,              -- as the contract names it
    members  text[]      NOT NULL,              -- client id @ host (member id)
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, who, topic)
);

-- What an undeclared topic on the broker holds: somebody writes it.
ALTER TABLE topic_mismatches ADD COLUMN records bigint NOT NULL DEFAULT 0;

-- migrate:down

ALTER TABLE topic_mismatches DROP COLUMN records;
DROP TABLE topic_readers, subscriptions;
