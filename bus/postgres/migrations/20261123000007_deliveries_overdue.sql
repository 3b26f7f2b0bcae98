-- migrate:up
-- What apps have not fetched in time is counted every few seconds.
CREATE INDEX deliveries_overdue ON deliveries (target) WHERE state = 'waiting' AND overdue_at IS NOT NULL;

-- migrate:down
DROP INDEX deliveries_overdue;
