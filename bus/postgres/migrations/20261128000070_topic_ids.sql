-- migrate:up

-- The topic that the offset counts in: one of the same name with another id has other records at these offsets.
-- NULL until a worker looks: an earlier version did not ask.
ALTER TABLE stage_offsets ADD COLUMN topic_id uuid;

-- migrate:down

ALTER TABLE stage_offsets DROP COLUMN topic_id;
