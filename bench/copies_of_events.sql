-- Every event, with ids of its own, as another ticket's. {copies} times.
CREATE FUNCTION id_of(ticket_id text, k integer) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT 'T' || to_char(date '1900-01-01' + k, 'YYYYMMDD') || substr(ticket_id, 10) $$;
CREATE FUNCTION uuid_of(id uuid, k integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT md5(id::text || k)::uuid $$;
-- The ids inside an Avro record: after the header a length and the event's id, then a length and the ticket's.
CREATE FUNCTION value_of(value bytea, event_id uuid, ticket_id text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT overlay(overlay(value PLACING event_id::text::bytea FROM 7) PLACING ticket_id::bytea FROM 44) $$;

INSERT INTO events
SELECT id_of(ticket_id, k), version, uuid_of(event_id, k), ce_type, uuid_of(command_id, k), md5(trace_id || k), source,
       occurred_at, recorded_at, historic, value_of(value, uuid_of(event_id, k), id_of(ticket_id, k))
FROM generate_series(1, {copies}) k CROSS JOIN events;
