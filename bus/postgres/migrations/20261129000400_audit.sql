-- migrate:up

-- Events that the audit tree does not hold yet: a row is written in the transaction that adds the event, and by it alone.
CREATE TABLE audit_pending (
    ticket_id text    NOT NULL,
    version   integer NOT NULL
);
INSERT INTO audit_pending SELECT ticket_id, version FROM events ORDER BY recorded_at, ticket_id, version;

-- Which event is which leaf of the tree.
CREATE TABLE audit_leaves (
    leaf      bigint  PRIMARY KEY,
    ticket_id text    NOT NULL,
    version   integer NOT NULL,
    UNIQUE (ticket_id, version)
);

-- The tree's hashes, 256 of 32 bytes a tile; level 0 holds leaves, one above the roots of full tiles below.
CREATE TABLE audit_tiles (
    level  smallint NOT NULL,
    number bigint   NOT NULL,
    hashes bytea    NOT NULL,
    PRIMARY KEY (level, number)
);

CREATE TABLE audit_checkpoints (
    size      bigint      PRIMARY KEY,           -- how many leaves
    note      text        NOT NULL,              -- the signed checkpoint
    sealed_at timestamptz NOT NULL
);

-- migrate:down

DROP TABLE audit_pending, audit_leaves, audit_tiles, audit_checkpoints;
