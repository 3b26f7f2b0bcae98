-- migrate:up

-- What comes again while its alert waits to be closed: since when people have not heard of that, and how often they have.
ALTER TABLE alerts ADD COLUMN came_again_at timestamptz, ADD COLUMN reopened int NOT NULL DEFAULT 0;

-- migrate:down

ALTER TABLE alerts DROP COLUMN came_again_at, DROP COLUMN reopened;
