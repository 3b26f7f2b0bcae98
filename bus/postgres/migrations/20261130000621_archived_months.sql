-- migrate:up
-- Which events stand in files of the archive, and no more in `events`: those of closed tickets, a partition at a time.
CREATE TABLE archived_months (
    file         text        PRIMARY KEY,
    month        text        NOT NULL,
    sha256       bytea       NOT NULL,
    bytes        bigint      NOT NULL,
    tickets      integer     NOT NULL,
    events       bigint      NOT NULL,
    -- What the file holds lies between these, both included.
    first_ticket text        NOT NULL,
    last_ticket  text        NOT NULL,
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    -- Whether each of its events is a leaf of the audit tree: there was one then.
    sealed       boolean     NOT NULL,
    archived_at  timestamptz NOT NULL
);
-- Which sources, beside the one that opened it and the bus itself, have events of an archived ticket: they reach it.
CREATE TABLE archived_sources (
    ticket_id text   PRIMARY KEY,
    sources   text[] NOT NULL
);

-- migrate:down
DO $$ BEGIN
    IF EXISTS (SELECT FROM archived_months) THEN
        RAISE EXCEPTION 'events are archived; `ticketbus archive recall` brings them back first';
    END IF;
END $$;
DROP TABLE archived_months, archived_sources;
