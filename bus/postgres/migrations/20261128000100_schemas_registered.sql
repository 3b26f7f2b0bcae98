-- migrate:up
-- When `prepare` registered a schema last; of one schema under several ids, as after the registry lost its disks, the
-- last one is written. NULL where it was only looked up, or registered before this column.
ALTER TABLE registered_schemas ADD COLUMN registered_at timestamptz;

-- migrate:down
ALTER TABLE registered_schemas DROP COLUMN registered_at;
