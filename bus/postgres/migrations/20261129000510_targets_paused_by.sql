-- migrate:up
-- Who paused a target, as they named themselves, and who last let it be called again. Empty: the bus, or before.
ALTER TABLE delivery_targets ADD COLUMN paused_by text NOT NULL DEFAULT '', ADD COLUMN resumed_by text NOT NULL DEFAULT '';

-- migrate:down
ALTER TABLE delivery_targets DROP COLUMN paused_by, DROP COLUMN resumed_by;
