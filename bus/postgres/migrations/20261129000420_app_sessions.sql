-- migrate:up

-- Persons whose app was connected to a gateway: what a verdict on a push that was not taken is based on.
CREATE TABLE app_sessions (
    person      text        PRIMARY KEY,
    seen_at     timestamptz NOT NULL,  -- when a gateway last had a session of theirs, renewed every few seconds
    left_at     timestamptz,           -- when their last session at some gateway ended
    answered_at timestamptz            -- when their app last acknowledged a push
) WITH (fillfactor = 70);
CREATE INDEX app_sessions_seen ON app_sessions (seen_at);

-- As the targets file declares it: calls a second, and attempts after failures of unknown cause.
ALTER TABLE delivery_targets ADD COLUMN rate_per_s float8, ADD COLUMN attempts_max int;

-- migrate:down

ALTER TABLE delivery_targets DROP COLUMN rate_per_s, DROP COLUMN attempts_max;
DROP TABLE app_sessions;
