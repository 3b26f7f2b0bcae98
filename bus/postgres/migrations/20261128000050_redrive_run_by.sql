-- migrate:up

-- Who let a frozen set be sent; not who froze it where two persons are asked for.
ALTER TABLE redrives ADD COLUMN run_by text NOT NULL DEFAULT '';

-- migrate:down

ALTER TABLE redrives DROP COLUMN run_by;
