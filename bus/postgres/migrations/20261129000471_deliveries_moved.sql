-- migrate:up

-- The target that a delivery was moved to; what ends there ends it. An acknowledgement of an app is a delivery to it.
ALTER TABLE deliveries ADD COLUMN moved_to text NOT NULL DEFAULT '';
UPDATE expectations SET hop = 'delivered' WHERE hop = 'acknowledged';

-- migrate:down

ALTER TABLE deliveries DROP COLUMN moved_to;
