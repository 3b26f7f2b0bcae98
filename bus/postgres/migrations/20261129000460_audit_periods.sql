-- migrate:up

-- When the event of a leaf was recorded, so that a period's history misses one that is gone; NULL of leaves before this.
ALTER TABLE audit_leaves ADD COLUMN recorded_at timestamptz;
CREATE INDEX ON audit_leaves USING brin (recorded_at);

-- Why no checkpoint is signed: the tree does not extend the last one. At most one row; gone with the next checkpoint.
CREATE TABLE audit_refusal (
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    refused_at timestamptz NOT NULL,             -- since when
    why_zh     text        NOT NULL,
    why_en     text        NOT NULL
);

-- migrate:down

DROP TABLE audit_refusal;
ALTER TABLE audit_leaves DROP COLUMN recorded_at;
