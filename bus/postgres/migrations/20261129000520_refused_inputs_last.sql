-- migrate:up

-- Refused input is listed by when it last came, the newest first, of all or of one source.
CREATE INDEX refused_inputs_last ON refused_inputs (last_at, id);
CREATE INDEX refused_inputs_source ON refused_inputs (source, last_at, id);
DROP INDEX refused_inputs_age;

-- migrate:down

CREATE INDEX refused_inputs_age ON refused_inputs USING brin (last_at) WITH (autosummarize = on);
DROP INDEX refused_inputs_last, refused_inputs_source;
