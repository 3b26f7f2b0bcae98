-- migrate:up

-- Sources that can be asked what they have; every worker renews those of its sources file.
CREATE TABLE source_lists (
    source           text        PRIMARY KEY,
    declared_at      timestamptz NOT NULL DEFAULT now(),   -- first
    seen_at          timestamptz NOT NULL DEFAULT now(),   -- last
    begun_at         timestamptz NOT NULL DEFAULT '-infinity',
    ended_at         timestamptz NOT NULL DEFAULT '-infinity',
    reconciled_until timestamptz,                          -- up to which time of the source's, without a gap
    failure          text                                  -- why the last try was none
);

-- One comparison of a source's list with the bus's tickets.
CREATE TABLE reconciliations (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source        text        NOT NULL,
    by_file       boolean     NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz NOT NULL,
    began_at      timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz NOT NULL,
    listed        integer     NOT NULL DEFAULT 0,
    known         integer     NOT NULL DEFAULT 0,
    buckets       integer     NOT NULL DEFAULT 0,
    unequal       integer     NOT NULL DEFAULT 0,
    missing_here  integer     NOT NULL DEFAULT 0,
    missing_there integer     NOT NULL DEFAULT 0,
    different     integer     NOT NULL DEFAULT 0,
    failure       text                                     -- why nothing was judged
);

-- Tickets that a source lists and the bus did not have.
CREATE TABLE missing_tickets (
    source_no      text        NOT NULL,
    source         text        NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    source_at      timestamptz NOT NULL,
    reconciliation bigint      NOT NULL,
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    settled_at     timestamptz,
    settled        text        CHECK (settled IN ('arrived', 'opened', 'unlisted')),
    PRIMARY KEY (source_no, source)
);
CREATE INDEX missing_tickets_open ON missing_tickets (source) WHERE settled_at IS NULL;

-- migrate:down

DROP TABLE missing_tickets, reconciliations, source_lists;
