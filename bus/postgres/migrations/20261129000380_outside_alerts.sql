-- migrate:up

-- Others' alerts, as an Alertmanager's webhook sent them last: one row a client and fingerprint.
CREATE TABLE outside_alerts (
    client      text        NOT NULL,            -- whose token sent it
    fingerprint text        NOT NULL,
    name        text        NOT NULL,            -- alertname
    subject     text        NOT NULL,            -- instance, host or service
    severity    text        NOT NULL,            -- p1, p2, p3
    summary     text        NOT NULL,            -- phones masked
    starts_at   timestamptz NOT NULL,
    firing      boolean     NOT NULL,            -- false: resolved, gone with the next batch
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, fingerprint)
);

-- migrate:down

DROP TABLE outside_alerts;
