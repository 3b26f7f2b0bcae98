-- migrate:up
-- What is published beside events has a row here too, with its own bytes: it goes as soon as Kafka holds the record.
ALTER TABLE outbox
    ALTER COLUMN ticket_id DROP NOT NULL,
    ALTER COLUMN version DROP NOT NULL,
    ADD COLUMN key text,
    ADD COLUMN headers jsonb, -- [[name, value], …]
    ADD COLUMN value bytea,
    ADD COLUMN timestamp timestamptz,
    ADD CONSTRAINT outbox_bytes CHECK (num_nonnulls(version, value) = 1);
-- What was not published before: `ticketbus prepare` puts it into the outbox, in this order, and empties the table.
CREATE TABLE letters_to_publish (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    letter   bigint NOT NULL,
    decision bigint, -- a decision about it; else the letter itself
    returned boolean NOT NULL -- the input that this decision sends again
);
INSERT INTO letters_to_publish (letter, decision, returned)
SELECT d.letter, d.id, true FROM letter_decisions d JOIN letters l ON l.id = d.letter
WHERE d.decision = 'retried' AND d.returned_at IS NULL AND l.target = '' ORDER BY d.id;
INSERT INTO letters_to_publish (letter, returned)
SELECT id, false FROM letters WHERE published_at IS NULL ORDER BY id;
INSERT INTO letters_to_publish (letter, decision, returned)
SELECT letter, id, false FROM letter_decisions WHERE published_at IS NULL ORDER BY id;
ALTER TABLE letters DROP COLUMN published_at;
ALTER TABLE letter_decisions DROP COLUMN published_at, DROP COLUMN returned_at;

-- migrate:down
ALTER TABLE letter_decisions ADD COLUMN published_at timestamptz, ADD COLUMN returned_at timestamptz;
ALTER TABLE letters ADD COLUMN published_at timestamptz;
-- Which records were published is known no more; what the outbox holds of them is lost.
UPDATE letters SET published_at = now() WHERE id NOT IN (
    SELECT letter FROM letters_to_publish WHERE decision IS NULL);
UPDATE letter_decisions SET published_at = now() WHERE id NOT IN (
    SELECT decision FROM letters_to_publish WHERE decision IS NOT NULL AND NOT returned);
UPDATE letter_decisions SET returned_at = now() WHERE decision = 'retried' AND id NOT IN (
    SELECT decision FROM letters_to_publish WHERE returned);
DROP TABLE letters_to_publish;
CREATE INDEX letters_unpublished ON letters (id) WHERE published_at IS NULL;
CREATE INDEX letter_decisions_unpublished ON letter_decisions (id) WHERE published_at IS NULL;
CREATE INDEX letter_decisions_unreturned ON letter_decisions (id) WHERE decision = 'retried' AND returned_at IS NULL;
DELETE FROM outbox WHERE version IS NULL;
ALTER TABLE outbox DROP CONSTRAINT outbox_bytes, DROP COLUMN key, DROP COLUMN headers, DROP COLUMN value,
    DROP COLUMN timestamp, ALTER COLUMN ticket_id SET NOT NULL, ALTER COLUMN version SET NOT NULL;
