-- migrate:up

-- The store of files that this database goes with: `id` is the text of its object `store-id`, null before first use.
CREATE TABLE file_store (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
    id       text,
    fault    text,                                 -- why a gateway could not use it, the last time
    fault_at timestamptz
);
INSERT INTO file_store DEFAULT VALUES;
-- A file that could not be deleted: why, and when it is tried again.
ALTER TABLE files ADD COLUMN delete_failure text, ADD COLUMN delete_at timestamptz;

-- migrate:down

ALTER TABLE files DROP COLUMN delete_failure, DROP COLUMN delete_at;
DROP TABLE file_store;
