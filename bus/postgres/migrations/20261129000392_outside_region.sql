-- migrate:up

-- The label `region` of an alert of others, by which routes choose.
ALTER TABLE outside_alerts ADD COLUMN region text NOT NULL DEFAULT '';

-- migrate:down

ALTER TABLE outside_alerts DROP COLUMN region;
