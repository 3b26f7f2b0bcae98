-- migrate:up

-- Alarms that wait for time alone are stepped by the clock. Of an alarm of a value `about` is the reading with which it
-- began to wait, while it does; and `seen_at`, of any alarm, is when its device was last heard, to a day or less.
CREATE INDEX sensor_alarms_waiting ON sensor_alarms (source, cause, since) WHERE phase IN ('rising', 'falling');

-- migrate:down

DROP INDEX sensor_alarms_waiting;
