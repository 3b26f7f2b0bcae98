-- migrate:up

-- Channels of alerts, by what holds for whichever program sends.
CREATE TABLE alert_channels (
    channel      text        PRIMARY KEY,
    not_before   timestamptz NOT NULL DEFAULT '-infinity', -- it asked for a wait: nothing is sent to it before
    why          text        NOT NULL DEFAULT '',
    refreshed_at timestamptz NOT NULL DEFAULT '-infinity'  -- of one that is sent all that is open again and again
);

-- Asked of each alert that is sent: how many it hides.
CREATE INDEX alerts_hidden ON alerts (hidden_by) WHERE closed_at IS NULL AND hidden_by <> '';

-- migrate:down

DROP INDEX alerts_hidden;
DROP TABLE alert_channels;
