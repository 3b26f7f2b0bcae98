-- migrate:up
-- Open letters of one cause are told apart by their words too, as new ones are: numbers, ids and quoted values are folded.
UPDATE letters l SET cause = left(encode(sha256(convert_to(l.cause || '|' || w.folded, 'UTF8')), 'hex'), 12)
FROM (
    SELECT id, left(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        lower(CASE WHEN target = '' THEN detail ELSE coalesce(failures->-1->>'message', '') END),
        '"[^"]*"|“[^”]*”|‘[^’]*’|「[^」]*」|\*{3,}', '#', 'g'),
        '[a-z0-9_./:+-]*[0-9][a-z0-9_./:+-]*', '#', 'g'),
        '#([\s,，、;；/]*#)+', '#', 'g'),
        '\s+', ' ', 'g'), 200) AS folded
    FROM letters WHERE state = 'open') AS w
WHERE w.id = l.id AND w.folded <> '';

-- migrate:down
-- What open letters say of their cause stays: nothing reads a fingerprint but to compare it.
SELECT 1;
