-- migrate:up

-- Rows come in the order of time, so that a block range index finds the old ones, and costs next to nothing to keep.
CREATE INDEX pushes_age ON pushes USING brin (pushed_at) WITH (autosummarize = on);
CREATE INDEX idempotency_keys_age ON idempotency_keys USING brin (done_at) WITH (autosummarize = on);
CREATE INDEX refused_inputs_age ON refused_inputs USING brin (last_at) WITH (autosummarize = on);
CREATE INDEX commands_age ON commands USING brin (received_at) WITH (autosummarize = on);
CREATE INDEX letters_age ON letters USING brin (died_at) WITH (autosummarize = on);
CREATE INDEX letters_edited_from ON letters (edited_from) WHERE edited_from IS NOT NULL;

-- migrate:down

DROP INDEX pushes_age, idempotency_keys_age, refused_inputs_age, commands_age, letters_age, letters_edited_from;
