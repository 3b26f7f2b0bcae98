-- migrate:up

-- The newest of what an alert is about, as people last heard of it.
ALTER TABLE alerts ADD COLUMN notified_newest bigint;
-- Who paused a target: a person, or the bus itself.
ALTER TABLE delivery_targets ADD COLUMN by_hand boolean NOT NULL DEFAULT false;
-- Whether a person ended a redrive, or it did so itself.
ALTER TABLE redrives ADD COLUMN by_hand boolean NOT NULL DEFAULT false;
UPDATE redrives SET by_hand = true WHERE ended_at IS NOT NULL; -- nobody knows any more
-- The newest letter of each origin is read from this index, too.
DROP INDEX letters_open_by;
CREATE INDEX letters_open_by ON letters (origin, target) INCLUDE (died_at, id) WHERE state = 'open';

-- migrate:down

DROP INDEX letters_open_by;
CREATE INDEX letters_open_by ON letters (origin, target) INCLUDE (died_at) WHERE state = 'open';
ALTER TABLE redrives DROP COLUMN by_hand;
ALTER TABLE delivery_targets DROP COLUMN by_hand;
ALTER TABLE alerts DROP COLUMN notified_newest;
