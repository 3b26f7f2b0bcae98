-- migrate:up
-- A letter whose input never became a ticket is looked for by its trace.
CREATE INDEX letters_trace ON letters (trace_id);

-- migrate:down
DROP INDEX letters_trace;
