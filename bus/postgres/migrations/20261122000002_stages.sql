-- migrate:up
-- How far each handler is on each partition of its topic; moved in the transaction of its effects.
CREATE TABLE stage_offsets (
    handler     text        NOT NULL,
    partition   integer     NOT NULL,
    topic       text        NOT NULL,
    next_offset bigint      NOT NULL,
    moved_at    timestamptz,
    failure     text,
    PRIMARY KEY (handler, partition)
) WITH (fillfactor = 50);
-- When each range of offsets took effect first; the newest of each handler and partition are kept.
CREATE TABLE stage_batches (
    handler      text        NOT NULL,
    partition    integer     NOT NULL,
    first_offset bigint      NOT NULL,
    next_offset  bigint      NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (handler, partition, first_offset)
);
-- Read model `tickets`: what every list shows, with the responsibility snapshot; `folded` is the fold it goes on from.
CREATE TABLE tickets (
    ticket_id     text        PRIMARY KEY,
    version       integer     NOT NULL,
    trace_id      text        NOT NULL,
    historic      boolean     NOT NULL,
    source        text        NOT NULL,
    source_no     text        NOT NULL,
    incident_key  jsonb       NOT NULL,
    title         text        NOT NULL,
    type          text        NOT NULL,
    region        text        NOT NULL,
    serial        text        NOT NULL,
    state         text        NOT NULL,
    substate      text,
    paused        boolean     NOT NULL,
    waiting_for   text,
    assignee      text        NOT NULL,
    opened_at     timestamptz NOT NULL,
    resolved_at   timestamptz,
    closed_at     timestamptz,
    root_cause    text        NOT NULL,
    reports       integer     NOT NULL,
    reassignments integer     NOT NULL,
    pauses        integer     NOT NULL,
    reopens       integer     NOT NULL,
    asked         integer     NOT NULL,
    creator       text        NOT NULL,
    assigner      text        NOT NULL,
    last_at       timestamptz NOT NULL,
    last_action   text        NOT NULL,
    folded        jsonb       NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX tickets_state ON tickets (state, ticket_id);
CREATE INDEX tickets_assignee ON tickets (assignee, ticket_id);
-- Read model `history`: the repairs of each device.
CREATE TABLE device_history (
    ticket_id   text        PRIMARY KEY,
    version     integer     NOT NULL,
    serial      text        NOT NULL,
    type        text        NOT NULL,
    title       text        NOT NULL,
    opened_at   timestamptz NOT NULL,
    resolved_at timestamptz,
    closed_at   timestamptz,
    root_cause  text        NOT NULL,
    summary     text        NOT NULL,
    parts       jsonb       NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX device_history_serial ON device_history (serial, opened_at);
-- Read model `sla_clocks`: the promises of each ticket. `sla_tickets` holds the fold that they are told from.
CREATE TABLE sla_tickets (
    ticket_id text    PRIMARY KEY,
    version   integer NOT NULL,
    folded    jsonb   NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE sla_clocks (
    ticket_id     text        NOT NULL,
    clock         text        NOT NULL,
    trace_id      text        NOT NULL,
    limit_s       integer     NOT NULL,
    state         text        NOT NULL,
    due_at        timestamptz,
    warn_at       timestamptz,
    next_alarm_at timestamptz,
    settled_at    timestamptz,
    breached_at   timestamptz,
    lease_until   timestamptz,
    PRIMARY KEY (ticket_id, clock)
) WITH (fillfactor = 70);
CREATE INDEX sla_clocks_next_alarm ON sla_clocks (next_alarm_at) WHERE next_alarm_at IS NOT NULL;

-- migrate:down
DROP TABLE stage_offsets, stage_batches, tickets, device_history, sla_tickets, sla_clocks;
