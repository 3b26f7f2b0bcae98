-- A ticket of the import becomes many: the other rows that tell of it, after copies_of_events.sql. {copies} times.
CREATE FUNCTION folded_of(folded jsonb, ticket_id text, trace_id text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT folded || jsonb_build_object('ticket_id', ticket_id, 'trace_id', trace_id) $$;

INSERT INTO ticket_states
SELECT id_of(ticket_id, k), version, md5(trace_id || k), folded_of(state, id_of(ticket_id, k), md5(trace_id || k))
FROM generate_series(1, {copies}) k CROSS JOIN ticket_states;
INSERT INTO ticket_names
SELECT kind, value || '-' || k, id_of(ticket_id, k), opened_at FROM generate_series(1, {copies}) k CROSS JOIN ticket_names;
INSERT INTO commands
SELECT uuid_of(command_id, k), id_of(ticket_id, k), md5(trace_id || k), fingerprint, answer, version, received_at
FROM generate_series(1, {copies}) k CROSS JOIN commands;
INSERT INTO outbox (shard, topic, ticket_id, version, published_at, kafka_offset)
SELECT shard, topic, id_of(ticket_id, k), version, published_at, kafka_offset
FROM generate_series(1, {copies}) k CROSS JOIN outbox WHERE version IS NOT NULL;
INSERT INTO tickets
SELECT (jsonb_populate_record(t, jsonb_build_object('ticket_id', id_of(ticket_id, k), 'trace_id', md5(trace_id || k),
        'folded', folded_of(folded, id_of(ticket_id, k), md5(trace_id || k))))).*
FROM generate_series(1, {copies}) k CROSS JOIN tickets t;
INSERT INTO device_history
SELECT (jsonb_populate_record(h, jsonb_build_object('ticket_id', id_of(ticket_id, k)))).*
FROM generate_series(1, {copies}) k CROSS JOIN device_history h;
INSERT INTO sla_tickets
SELECT id_of(ticket_id, k), version, folded_of(folded, id_of(ticket_id, k), md5(folded ->> 'trace_id' || k))
FROM generate_series(1, {copies}) k CROSS JOIN sla_tickets;
INSERT INTO sla_clocks
SELECT (jsonb_populate_record(c, jsonb_build_object('ticket_id', id_of(ticket_id, k), 'trace_id', md5(trace_id || k)))).*
FROM generate_series(1, {copies}) k CROSS JOIN sla_clocks c;
INSERT INTO ticket_outcomes
SELECT (jsonb_populate_record(o, jsonb_build_object('ticket_id', id_of(ticket_id, k)))).*
FROM generate_series(1, {copies}) k CROSS JOIN ticket_outcomes o;
-- Without these the worker reads the whole past of each ticket anew, and logs an error for it.
INSERT INTO delivery_versions
SELECT id_of(ticket_id, k), version FROM generate_series(1, {copies}) k CROSS JOIN delivery_versions;
