-- migrate:up

-- Which fields of its events a subscriber uses, so that a change of one says whom it breaks; none: it has not said so.
ALTER TABLE subscriptions ADD COLUMN fields text[] NOT NULL DEFAULT '{}';

-- migrate:down
