-- migrate:up

-- Alerts that a channel has taken while PostgreSQL was away: their stored openings are not sent there once more.
CREATE TABLE alerts_sent_directly (
    rule      text        NOT NULL,
    about     text        NOT NULL,
    channel   text        NOT NULL,
    severity  text        NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rule, about, channel)
);

-- migrate:down

DROP TABLE alerts_sent_directly;
