-- migrate:up

-- A row while `privacy migrate` is under way: run again after a crash, it goes on.
CREATE TABLE privacy_migration (
    only_one       boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
    begun_by       text        NOT NULL,
    begun_at       timestamptz NOT NULL DEFAULT now(),
    tickets        integer     NOT NULL, -- so many were sealed
    letters        integer     NOT NULL,
    refused_inputs integer     NOT NULL,
    queued_to      bigint, -- the last outbox row of the new log; null: none is queued yet, and programs may run
    topics_made    boolean     NOT NULL DEFAULT false -- anew, for that log
);

-- migrate:down

DROP TABLE privacy_migration;
