-- migrate:up
-- An event on its way to a target. Kept for a while after it is settled, so that nothing is delivered again by a replay.
CREATE TABLE deliveries (
    target      text        NOT NULL,
    ticket_id   text        NOT NULL,
    version     integer     NOT NULL,
    state       text        NOT NULL DEFAULT 'waiting', -- waiting, done, parked, discarded
    attempts    integer     NOT NULL DEFAULT 0,
    reference   text        NOT NULL DEFAULT '',
    enqueued_at timestamptz NOT NULL,
    settled_at  timestamptz,
    PRIMARY KEY (target, ticket_id, version)
) WITH (fillfactor = 80);
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE settled_at IS NOT NULL;
-- The oldest delivery of each target and ticket that is not settled: the only one that may be called, or that is parked.
-- `next_at` is when it may be claimed; a claim moves it ahead by the lease. `unsure`: a call began whose end nobody knows.
CREATE TABLE delivery_heads (
    target      text        NOT NULL,
    ticket_id   text        NOT NULL,
    version     integer     NOT NULL,
    next_at     timestamptz NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    unsure      boolean     NOT NULL DEFAULT false,
    parked      boolean     NOT NULL DEFAULT false,
    failures    jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (target, ticket_id)
) WITH (fillfactor = 50);
CREATE INDEX delivery_heads_due ON delivery_heads (target, next_at) WHERE NOT parked;
-- What holds for a target as a whole, for all workers: a pause by hand, and its breaker.
CREATE TABLE delivery_targets (
    target     text        PRIMARY KEY,
    paused     text, -- why, and by whom
    failures   integer     NOT NULL DEFAULT 0,
    not_before timestamptz
);

-- migrate:down
DROP TABLE deliveries, delivery_heads, delivery_targets;
