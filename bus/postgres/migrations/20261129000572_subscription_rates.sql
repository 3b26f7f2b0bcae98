-- migrate:up

-- How many events an hour a subscriber expects, over a day; null: it does not say.
ALTER TABLE subscriptions ADD COLUMN rate double precision CHECK (rate > 0);

-- migrate:down

ALTER TABLE subscriptions DROP COLUMN rate;
