-- migrate:up
-- What came with a ticket's trace beside its id (W3C): it goes on to Kafka and to other systems with each event.
ALTER TABLE ticket_states
    ADD COLUMN trace_sampled boolean NOT NULL DEFAULT true,
    ADD COLUMN tracestate text NOT NULL DEFAULT '';

-- migrate:down
ALTER TABLE ticket_states DROP COLUMN trace_sampled, DROP COLUMN tracestate;
