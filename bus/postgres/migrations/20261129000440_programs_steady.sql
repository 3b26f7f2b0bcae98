-- migrate:up

-- Since when a program has written its heartbeats without a gap: while PostgreSQL is away, no program can.
ALTER TABLE programs ADD COLUMN steady_since timestamptz NOT NULL DEFAULT now();
UPDATE programs SET steady_since = started_at;

-- migrate:down

ALTER TABLE programs DROP COLUMN steady_since;
