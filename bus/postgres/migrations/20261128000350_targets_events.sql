-- migrate:up
-- The events that it takes, as they are spelled in types without their version (note.added); NULL: all, as far as is known.
ALTER TABLE delivery_targets ADD COLUMN events text[];

-- migrate:down
ALTER TABLE delivery_targets DROP COLUMN events;
