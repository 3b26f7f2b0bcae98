-- migrate:up

-- A journey is found by what a refused request was repeated under.
CREATE INDEX refused_inputs_origin_ref ON refused_inputs (origin_ref);

-- migrate:down

DROP INDEX refused_inputs_origin_ref;
