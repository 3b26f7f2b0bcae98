-- migrate:up

-- Targets that can be asked which documents they have: whose turn it is, and what the last comparison came to.
CREATE TABLE target_lists (
    target        text        PRIMARY KEY,
    declared_at   timestamptz NOT NULL DEFAULT clock_timestamp(),   -- first
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),   -- last
    begun_at      timestamptz NOT NULL DEFAULT '-infinity',
    ended_at      timestamptz NOT NULL DEFAULT '-infinity',
    failure       text,                     -- why the last try was none
    compared_at   timestamptz,              -- when a list was last read whole; the rest is what it came to
    since         timestamptz,
    listed        integer     NOT NULL DEFAULT 0,
    known         integer     NOT NULL DEFAULT 0,
    not_judged    integer     NOT NULL DEFAULT 0,
    missing_there integer     NOT NULL DEFAULT 0,
    unknown_here  integer     NOT NULL DEFAULT 0,
    twice         integer     NOT NULL DEFAULT 0,
    not_ours      integer     NOT NULL DEFAULT 0,
    numbers       text[]      NOT NULL DEFAULT '{}'                 -- the first documents that are named
);

-- migrate:down

DROP TABLE target_lists;
