-- migrate:up
-- When somebody was told that a delivery waits for too long: once, whoever looks again.
ALTER TABLE deliveries ADD COLUMN overdue_at timestamptz;

-- migrate:down
ALTER TABLE deliveries DROP COLUMN overdue_at;
