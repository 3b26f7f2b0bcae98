-- migrate:up

-- A run of `ticketbus import history`; what it refused stands in refused_inputs with its number.
CREATE TABLE imports (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source    text        NOT NULL,
    file      text        NOT NULL,
    began_at  timestamptz NOT NULL DEFAULT now(),
    ended_at  timestamptz,
    summary   jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX refused_inputs_import ON refused_inputs ((headers->>'import')) WHERE origin LIKE 'import:%';
CREATE INDEX refused_inputs_import_trace ON refused_inputs (trace_id) WHERE origin LIKE 'import:%';

-- migrate:down

DROP INDEX refused_inputs_import, refused_inputs_import_trace;
DROP TABLE imports;
