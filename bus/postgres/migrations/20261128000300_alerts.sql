-- migrate:up

-- What programs report that no other table says: the last report of each rule and subject.
CREATE TABLE alert_reports (
    rule        text        NOT NULL,
    about       text        NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT now(),
    alert       jsonb       NOT NULL,
    PRIMARY KEY (rule, about)
);

-- Every program that runs, with what keeps it from working; a heartbeat every few seconds.
CREATE TABLE programs (
    instance   uuid        PRIMARY KEY,
    program    text        NOT NULL,             -- gateway, worker
    host       text        NOT NULL,
    pid        int         NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at    timestamptz NOT NULL DEFAULT now(), -- by PostgreSQL's clock
    ahead_s    float8      NOT NULL,             -- its own clock less PostgreSQL's
    parts      jsonb       NOT NULL,             -- part -> what keeps it from working, or null
    stopped_at timestamptz                       -- ended as it was asked to
);

CREATE TABLE alerts (
    number         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule           text        NOT NULL,
    about          text        NOT NULL,
    severity       text        NOT NULL,
    alert          jsonb       NOT NULL,         -- its words and facts as they were last seen
    seen_at        timestamptz NOT NULL,
    opened_at      timestamptz,
    gone_at        timestamptz,                  -- not seen any more since
    closed_at      timestamptz,
    hidden_by      text        NOT NULL DEFAULT '',
    notified_at        timestamptz,
    opened_notified_at timestamptz,
    repeats        int         NOT NULL DEFAULT 0,
    escalated_at   timestamptz,
    acked_at       timestamptz,
    acked_by       text        NOT NULL DEFAULT '',
    acked_why      text        NOT NULL DEFAULT '',
    drill          boolean     NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX alerts_open ON alerts (rule, about) WHERE closed_at IS NULL;
CREATE INDEX alerts_closed ON alerts (closed_at) WHERE closed_at IS NOT NULL;

-- Messages that were sent or tried: a channel's rate is counted here, whichever program sends.
CREATE TABLE alert_messages (
    number   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel  text        NOT NULL,
    begun_at timestamptz NOT NULL,
    notices  int         NOT NULL,               -- more than one: a digest
    sent_at  timestamptz,                        -- the channel has taken it
    failure  text        NOT NULL DEFAULT ''
);
CREATE INDEX alert_messages_channel ON alert_messages (channel, begun_at);

-- What a channel is to send: one row an alert's flip and channel.
CREATE TABLE alert_notices (
    number      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert       bigint      NOT NULL REFERENCES alerts (number) ON DELETE CASCADE,
    channel     text        NOT NULL,
    flip        text        NOT NULL,            -- opened, repeated, escalated, closed
    severity    text        NOT NULL,
    made_at     timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    attempts    int         NOT NULL DEFAULT 0,
    message     bigint,                          -- the last that it was part of
    failure     text        NOT NULL DEFAULT '',
    instead_of  text        NOT NULL DEFAULT '', -- the channel that failed
    sent_at     timestamptz,
    given_up_at timestamptz                      -- its second channel has it, or an hour went by
);
CREATE INDEX alert_notices_due ON alert_notices (channel, due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX alert_notices_alert ON alert_notices (alert);
CREATE INDEX alert_notices_message ON alert_notices (message) WHERE sent_at IS NULL;

CREATE TABLE alert_silences (
    number   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule     text        NOT NULL,               -- of one rule
    about    text        NOT NULL DEFAULT '',    -- empty: whatever it is about
    until    timestamptz NOT NULL,
    made_by  text        NOT NULL,
    why      text        NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alert_silences_until ON alert_silences (until);

-- When the last round of all rules began; programs take turns.
CREATE TABLE alert_rounds (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
    begun_at timestamptz NOT NULL
);
INSERT INTO alert_rounds (begun_at) VALUES ('-infinity');

-- migrate:down

DROP TABLE alert_rounds, alert_silences, alert_notices, alert_messages, alerts, programs, alert_reports;
