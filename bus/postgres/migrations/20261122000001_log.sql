-- migrate:up
-- The log: every event once, by ticket and version; `value` is the very record that Kafka carries.
CREATE TABLE events (
    ticket_id   text        NOT NULL,
    version     integer     NOT NULL,
    event_id    uuid        NOT NULL,
    ce_type     text        NOT NULL,
    command_id  uuid        NOT NULL,
    trace_id    text        NOT NULL,
    source      text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    historic    boolean     NOT NULL,
    value       bytea       NOT NULL,
    PRIMARY KEY (ticket_id, version)
);
-- The fold of each ticket's events: what the next command is decided against.
CREATE TABLE ticket_states (
    ticket_id text    PRIMARY KEY,
    version   integer NOT NULL,
    trace_id  text    NOT NULL,
    state     jsonb   NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ticket_states_trace ON ticket_states (trace_id);
-- What tickets are known by: incident keys and the sources' own numbers. A row is the lock of its name.
CREATE TABLE ticket_names (
    kind      text NOT NULL,
    value     text NOT NULL,
    ticket_id text,
    opened_at timestamptz,
    PRIMARY KEY (value, kind)
) WITH (fillfactor = 70);
-- Accepted commands: the same id is applied once and gets the same answer.
CREATE TABLE commands (
    command_id  uuid        PRIMARY KEY,
    ticket_id   text        NOT NULL,
    trace_id    text        NOT NULL,
    fingerprint text        NOT NULL,
    answer      text        NOT NULL,
    version     integer     NOT NULL,
    received_at timestamptz NOT NULL
);
-- One row per event and topic; published is a mark, because ids commit out of order.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard        smallint    NOT NULL,
    topic        text        NOT NULL,
    ticket_id    text        NOT NULL,
    version      integer     NOT NULL,
    published_at timestamptz,
    kafka_offset bigint
) WITH (fillfactor = 70);
CREATE INDEX outbox_waiting ON outbox (shard, id) WHERE published_at IS NULL;
CREATE INDEX outbox_event ON outbox (ticket_id, version);
CREATE SEQUENCE ticket_numbers;
-- Schemas as the registry numbered them, so that bytes can be read while the registry is away.
CREATE TABLE registered_schemas (
    schema_id  integer PRIMARY KEY,
    subject    text    NOT NULL,
    definition text    NOT NULL
);

-- migrate:down
DROP TABLE events, ticket_states, ticket_names, commands, outbox, registered_schemas;
DROP SEQUENCE ticket_numbers;
