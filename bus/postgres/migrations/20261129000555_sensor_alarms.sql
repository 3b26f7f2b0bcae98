-- migrate:up

-- How it stands with each alarm of a device that a source reads over MQTT; without a row it is quiet, and new.
-- `since`: when the phase began; `readings`: how many in a row are over; `times`: how often it came again while its
-- ticket is open; `episode`: the last one's number, seconds since 1970, which never comes twice; `ended_at`: when it was over; `seen_at`: of an
-- alarm of silence, when the device was last heard; `about`: its topic's levels then.
CREATE TABLE sensor_alarms (
    source text NOT NULL,
    device text NOT NULL,
    cause text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('quiet', 'rising', 'open', 'falling')),
    since timestamptz NOT NULL,
    readings integer NOT NULL DEFAULT 0,
    times integer NOT NULL DEFAULT 0,
    episode bigint NOT NULL DEFAULT 0,
    ended_at timestamptz,
    seen_at timestamptz NOT NULL,
    about jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (source, device, cause)
);
CREATE INDEX sensor_alarms_seen ON sensor_alarms (source, cause, seen_at);

-- What became of alarms and is still to be taken in, in order; written with the alarm's row, gone once it is taken.
CREATE TABLE sensor_news (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    known_by text NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX sensor_news_source ON sensor_news (source, id);

-- migrate:down

DROP TABLE sensor_news;
DROP TABLE sensor_alarms;
