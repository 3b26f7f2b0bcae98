-- migrate:up
-- A letter is of a delivery (its target, ticket and version), or of a door whose sender nobody hears: `origin` names it,
-- `origin_ref` which one there. `began_at`: when what died was recorded or came in. `edited_from`: it is a mended copy.
ALTER TABLE letters
    ADD COLUMN origin       text        NOT NULL DEFAULT '', -- delivery:erp, webhook:crm, http, commands, intake, log …
    ADD COLUMN origin_ref   text        NOT NULL DEFAULT '', -- T…/3, a delivery's id, topic/partition@offset
    ADD COLUMN headers      jsonb       NOT NULL DEFAULT '{}',
    ADD COLUMN began_at     timestamptz,
    ADD COLUMN edited_from  bigint      REFERENCES letters,
    ADD COLUMN published_at timestamptz;
UPDATE letters SET origin = 'delivery:' || target, origin_ref = ticket_id || '/' || version, began_at = died_at;
ALTER TABLE letters ALTER COLUMN began_at SET NOT NULL;
-- What people decided about letters, each with who and why; nothing of it is ever changed.
CREATE TABLE letter_decisions (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    letter       bigint      NOT NULL REFERENCES letters,
    decision     text        NOT NULL, -- frozen, retried, edited, discarded
    decided_by   text        NOT NULL,
    decided_why  text        NOT NULL,
    decided_at   timestamptz NOT NULL,
    redrive      bigint      REFERENCES redrives,
    published_at timestamptz
);
CREATE INDEX letter_decisions_letter ON letter_decisions (letter);
INSERT INTO letter_decisions (letter, decision, decided_by, decided_why, decided_at)
SELECT id, state, decided_by, decided_why, decided_at FROM letters WHERE decided_by IS NOT NULL ORDER BY decided_at;
ALTER TABLE letters DROP COLUMN decided_at, DROP COLUMN decided_by, DROP COLUMN decided_why;
DROP INDEX letters_open;
CREATE UNIQUE INDEX letters_open ON letters (origin, origin_ref) WHERE state = 'open';
CREATE INDEX letters_unpublished ON letters (id) WHERE published_at IS NULL;
CREATE INDEX letter_decisions_unpublished ON letter_decisions (id) WHERE published_at IS NULL;
-- What is sent instead of the event, when its letter was edited.
ALTER TABLE delivery_heads ADD COLUMN edited bytea;

-- migrate:down
ALTER TABLE delivery_heads DROP COLUMN edited;
ALTER TABLE letters ADD COLUMN decided_at timestamptz, ADD COLUMN decided_by text, ADD COLUMN decided_why text;
DROP TABLE letter_decisions;
DROP INDEX letters_open, letters_unpublished;
DELETE FROM letters WHERE target = '';
ALTER TABLE letters DROP COLUMN origin, DROP COLUMN origin_ref, DROP COLUMN headers, DROP COLUMN began_at,
    DROP COLUMN edited_from, DROP COLUMN published_at;
CREATE UNIQUE INDEX letters_open ON letters (target, ticket_id, version) WHERE state = 'open';
