-- migrate:up

-- What of its topics a subscriber wants, beside `types`: tickets of these regions, with these people; none: all.
ALTER TABLE subscriptions
    ADD COLUMN regions   text[] NOT NULL DEFAULT '{}',
    ADD COLUMN assignees text[] NOT NULL DEFAULT '{}';

-- migrate:down

ALTER TABLE subscriptions DROP COLUMN regions, DROP COLUMN assignees;
