-- migrate:up
-- A redrive keeps its own figures. `allowance`: how many letters its rate let go when the last went, at `released_at`.
-- `unsent`: what was left of its set when it ended.
ALTER TABLE redrives
    ADD COLUMN letters integer NOT NULL DEFAULT 0,
    ADD COLUMN released integer NOT NULL DEFAULT 0,
    ADD COLUMN delivered integer NOT NULL DEFAULT 0,
    ADD COLUMN failed integer NOT NULL DEFAULT 0,
    ADD COLUMN unsent integer,
    ADD COLUMN allowance double precision NOT NULL DEFAULT 0,
    ADD COLUMN first_released_at timestamptz,
    ADD COLUMN released_at timestamptz;
UPDATE redrives r SET letters = c.letters, released = c.released, delivered = c.delivered, failed = c.failed,
    unsent = CASE WHEN r.state IN ('done', 'stopped') THEN c.unsent END,
    first_released_at = c.first_released_at, released_at = c.released_at
FROM (
    SELECT o.redrive, count(*) AS letters, count(o.released_at) AS released,
        min(o.released_at) AS first_released_at, max(o.released_at) AS released_at,
        count(*) FILTER (WHERE o.released_at IS NULL AND l.state = 'open') AS unsent,
        count(*) FILTER (WHERE o.released_at IS NOT NULL AND d.state = 'done' AND NOT n.again) AS delivered,
        count(*) FILTER (WHERE o.released_at IS NOT NULL AND (d.state = 'discarded' OR n.again)) AS failed
    FROM redrive_letters o JOIN letters l ON l.id = o.letter
        LEFT JOIN deliveries d ON (d.target, d.ticket_id, d.version) = (l.target, l.ticket_id, l.version)
        CROSS JOIN LATERAL (SELECT EXISTS (
            SELECT FROM letters n WHERE n.target = l.target AND n.ticket_id = l.ticket_id AND n.version = l.version
            AND n.id > l.id) AS again) n
    GROUP BY o.redrive
) c WHERE c.redrive = r.id;
-- The redrive in whose set an open letter stands: one at a time, until it is sent or the redrive ends.
ALTER TABLE letters ADD COLUMN redrive bigint REFERENCES redrives;
UPDATE letters l SET redrive = o.redrive FROM redrive_letters o JOIN redrives r ON r.id = o.redrive
WHERE o.letter = l.id AND l.state = 'open' AND o.released_at IS NULL AND r.state IN ('frozen', 'running');
CREATE INDEX letters_redrive ON letters (redrive, id) WHERE redrive IS NOT NULL AND state = 'open';
-- The redrive that sent this delivery again, until it is known how that ended.
ALTER TABLE delivery_heads ADD COLUMN redrive bigint;
UPDATE delivery_heads h SET redrive = o.redrive FROM redrive_letters o JOIN letters l ON l.id = o.letter
WHERE o.released_at IS NOT NULL AND NOT h.parked
    AND (h.target, h.ticket_id, h.version) = (l.target, l.ticket_id, l.version)
    AND NOT EXISTS (SELECT FROM letters n WHERE n.target = l.target AND n.ticket_id = l.ticket_id
                    AND n.version = l.version AND n.id > l.id);
DROP TABLE redrive_letters;

-- migrate:down
CREATE TABLE redrive_letters (
    redrive     bigint      NOT NULL REFERENCES redrives,
    letter      bigint      NOT NULL REFERENCES letters,
    released_at timestamptz,
    PRIMARY KEY (redrive, letter)
);
CREATE INDEX redrive_letters_letter ON redrive_letters (letter);
INSERT INTO redrive_letters (redrive, letter, released_at)
SELECT redrive, letter, max(decided_at) FILTER (WHERE decision = 'retried') FROM letter_decisions
WHERE redrive IS NOT NULL GROUP BY redrive, letter;
ALTER TABLE delivery_heads DROP COLUMN redrive;
ALTER TABLE letters DROP COLUMN redrive;
ALTER TABLE redrives DROP COLUMN letters, DROP COLUMN released, DROP COLUMN delivered, DROP COLUMN failed,
    DROP COLUMN unsent, DROP COLUMN allowance, DROP COLUMN first_released_at, DROP COLUMN released_at;
