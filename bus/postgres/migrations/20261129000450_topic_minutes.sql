-- migrate:up

-- How many records each topic had when a round last read its ends.
CREATE TABLE topic_ends (
    topic   text        PRIMARY KEY,
    written bigint      NOT NULL,             -- the ends of its partitions, added up
    read_at timestamptz NOT NULL DEFAULT now()
);

-- Minutes in which something was written to a topic: how long it usually is silent.
CREATE TABLE topic_minutes (
    topic  text        NOT NULL,
    minute timestamptz NOT NULL,
    PRIMARY KEY (topic, minute)
);
CREATE INDEX topic_minutes_age ON topic_minutes (minute);

-- migrate:down

DROP TABLE topic_minutes, topic_ends;
