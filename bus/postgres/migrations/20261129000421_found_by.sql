-- migrate:up

-- What else a ticket, or what never became one, is found by: an event's id, a target's own number, and the numbers in
-- refused input, as keyed hashes.
CREATE INDEX events_event_id ON events (event_id);
CREATE INDEX deliveries_reference ON deliveries (reference) WHERE reference <> '';
ALTER TABLE refused_inputs ADD COLUMN lookups text[] NOT NULL DEFAULT '{}';
CREATE INDEX refused_inputs_lookups ON refused_inputs USING gin (lookups);

-- migrate:down

ALTER TABLE refused_inputs DROP COLUMN lookups;
DROP INDEX deliveries_reference, events_event_id;
