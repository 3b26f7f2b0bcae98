-- migrate:up

-- Who reads a topic, or calls a target, and how that goes: as the worker that held the last round judged it.
CREATE TABLE consumers (
    kind        text        NOT NULL, -- group: a consumer group; queue: the deliveries to a target
    consumer    text        NOT NULL,
    topic       text        NOT NULL,
    verdicts    text[]      NOT NULL, -- all that hold, the worst first
    since       timestamptz NOT NULL, -- when the worst began to hold
    lag         bigint      NOT NULL,
    members     integer,              -- NULL: the broker does not list them
    oldest_at   timestamptz,          -- of the oldest unread record, where it is known
    loses_at    timestamptz,          -- when retention deletes that
    partition   integer     NOT NULL, -- the worst one, and how it stands there
    committed   bigint,
    low         bigint      NOT NULL,
    ends        bigint      NOT NULL,
    highest     bigint,
    declared    boolean     NOT NULL, -- one of this bus's own readers
    had_offsets boolean     NOT NULL,
    read_at     timestamptz NOT NULL,
    looks       jsonb       NOT NULL, -- by partition: the oldest unread record that was looked up
    PRIMARY KEY (kind, consumer, topic)
) WITH (fillfactor = 70);

-- What the verdicts are made of: dense for minutes, then one in ten minutes for hours.
CREATE TABLE consumer_readings (
    kind       text        NOT NULL,
    consumer   text        NOT NULL,
    topic      text        NOT NULL,
    read_at    timestamptz NOT NULL,
    members    integer,
    partitions jsonb       NOT NULL, -- by partition: committed, low water mark, last stable offset
    PRIMARY KEY (kind, consumer, topic, read_at),
    FOREIGN KEY (kind, consumer, topic) REFERENCES consumers ON DELETE CASCADE
);

-- Engineers' apps fetch from it: nobody calls it, and what waits there is judged by its deadline.
ALTER TABLE delivery_targets ADD COLUMN fetched boolean NOT NULL DEFAULT false;

-- migrate:down

ALTER TABLE delivery_targets DROP COLUMN fetched;
DROP TABLE consumer_readings, consumers;
