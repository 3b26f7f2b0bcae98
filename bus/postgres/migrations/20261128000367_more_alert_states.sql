-- migrate:up

-- Certificates that workers use, as their files last said; each worker's host reads its own.
CREATE TABLE certificates (
    host    text        NOT NULL,
    used_by text        NOT NULL,             -- such as targets.erp.client_certificate
    path    text        NOT NULL,
    ends_at timestamptz NOT NULL,
    read_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, used_by)
);

-- When PostgreSQL and Kafka were last compared as a whole, and what that came to.
CREATE TABLE log_verifications (
    one         boolean     PRIMARY KEY DEFAULT true CHECK (one),
    prepared_at timestamptz NOT NULL DEFAULT now(),
    verified_at timestamptz,
    differences bigint      NOT NULL DEFAULT 0
);
INSERT INTO log_verifications DEFAULT VALUES;

-- Minutes in which a source sent what may open a ticket: how long it usually says nothing.
CREATE TABLE source_minutes (
    source text        NOT NULL,
    minute timestamptz NOT NULL,
    PRIMARY KEY (source, minute)
);
CREATE INDEX source_minutes_age ON source_minutes (minute);

-- Broken promises are counted by hour.
CREATE INDEX sla_clocks_breached ON sla_clocks (breached_at) WHERE breached_at IS NOT NULL;

-- migrate:down

DROP INDEX sla_clocks_breached;
DROP TABLE source_minutes, log_verifications, certificates;
