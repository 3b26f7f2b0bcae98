-- migrate:up
-- What waits is counted every few seconds, and what was settled is kept for months.
CREATE INDEX deliveries_waiting ON deliveries (target, enqueued_at) WHERE state = 'waiting';

-- migrate:down
DROP INDEX deliveries_waiting;
