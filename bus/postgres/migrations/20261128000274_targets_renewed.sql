-- migrate:up
-- `declared_at`: when a worker whose targets file names it last said so. `resumed_at`: when its last pause ended.
ALTER TABLE delivery_targets
    ADD COLUMN declared_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN resumed_at timestamptz;

-- migrate:down
ALTER TABLE delivery_targets DROP COLUMN declared_at, DROP COLUMN resumed_at;
