-- migrate:up

-- When a delivery was first tried: what it waited before says nothing about the target.
ALTER TABLE delivery_heads ADD COLUMN first_tried_at timestamptz;
ALTER TABLE deliveries ADD COLUMN first_tried_at timestamptz;

-- migrate:down

ALTER TABLE deliveries DROP COLUMN first_tried_at;
ALTER TABLE delivery_heads DROP COLUMN first_tried_at;
