-- migrate:up

-- Whether the group had members of which none subscribed to the topic; NULL: the broker did not say.
ALTER TABLE consumer_readings ADD COLUMN elsewhere boolean;

-- migrate:down

ALTER TABLE consumer_readings DROP COLUMN elsewhere;
