-- migrate:up

-- How far a list is read that a worker polls. `due_at`: when it is read next; while one reads it, when another may.
CREATE TABLE source_cursors (
    source text PRIMARY KEY,
    changed_until timestamptz NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now()
);

-- migrate:down

DROP TABLE source_cursors;
