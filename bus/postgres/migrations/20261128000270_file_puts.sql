-- migrate:up

-- Until when each upload that is under way may put the file's bytes into the store: nobody deletes the file before.
ALTER TABLE files ADD COLUMN puts timestamptz[] NOT NULL DEFAULT '{}';

-- migrate:down

ALTER TABLE files DROP COLUMN puts;
