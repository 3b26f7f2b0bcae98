-- migrate:up

-- Who set the offsets of a subscription's consumer group back on Kafka, to when, and from where to where.
CREATE TABLE subscription_rewinds (
    number         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client         text        NOT NULL,
    consumer_group text        NOT NULL,
    to_time        timestamptz NOT NULL,
    partitions     jsonb       NOT NULL,        -- [topic, partition, offset before or null, offset after]
    rewound_at     timestamptz NOT NULL DEFAULT now(),
    rewound_by     text        NOT NULL,
    why            text        NOT NULL
);
CREATE INDEX subscription_rewinds_client ON subscription_rewinds (client, number);

-- migrate:down

DROP TABLE subscription_rewinds;
