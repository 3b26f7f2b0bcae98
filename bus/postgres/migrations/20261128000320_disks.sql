-- migrate:up

ALTER TABLE hosts
    ADD COLUMN inodes_total bigint  NOT NULL DEFAULT 0,
    ADD COLUMN inodes_free  bigint  NOT NULL DEFAULT 0,
    ADD COLUMN read_only    boolean NOT NULL DEFAULT false;

-- Every disk that is known, as it was last judged by a worker: of hosts with a watch, of brokers, of the database.
CREATE TABLE disks (
    host         text        NOT NULL,
    path         text        NOT NULL,
    role         text        NOT NULL,
    origin       text        NOT NULL,           -- watch, broker or database: who read it
    read_at      timestamptz NOT NULL,           -- by the clock of who read it
    seen_at      timestamptz NOT NULL,           -- when another reading was last there, by PostgreSQL's clock
    judged_at    timestamptz NOT NULL,
    total_bytes  float8      NOT NULL,           -- 0: not known
    used_bytes   float8      NOT NULL,
    inodes_total bigint      NOT NULL,
    inodes_free  bigint      NOT NULL,
    read_only    boolean     NOT NULL,
    mark         text        NOT NULL,           -- the highest mark that holds: empty, warn, high or floor
    inode_mark   text        NOT NULL,
    growth       float8      NOT NULL,           -- bytes a second, of the last hour
    sampled_at   timestamptz,
    earliest_at  timestamptz,                    -- full, by the forecast; null: it does not fill
    likely_at    timestamptz,
    PRIMARY KEY (host, path)
) WITH (fillfactor = 50);

-- What was used of each disk in the last hours, for the forecast.
CREATE TABLE disk_samples (
    host        text        NOT NULL,
    path        text        NOT NULL,
    sampled_at  timestamptz NOT NULL,
    used_bytes  float8      NOT NULL,
    total_bytes float8      NOT NULL,
    PRIMARY KEY (host, path, sampled_at)
);
CREATE INDEX disk_samples_age ON disk_samples (sampled_at);

-- migrate:down

DROP TABLE disk_samples, disks;
ALTER TABLE hosts DROP COLUMN inodes_total, DROP COLUMN inodes_free, DROP COLUMN read_only;
