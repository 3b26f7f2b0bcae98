-- migrate:up

-- Channels of alerts, by what holds for whichever program sends.
CREATE TABLE alert_channels (
    channel      text        PRIMARY KEY,
    not_before   timestamptz NOT NULL DEFAULT '-infinity', -- it asked for a wait: nothing is sent to it before
    why          text        NOT NULL DEFAULT '',
    refreshed_at timestamptz NOT NULL DEFAULT '-infinity'  -- of one that is sent all that is open again and again
);

-- migrate:down

DROP TABLE alert_channels;
