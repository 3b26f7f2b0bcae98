-- migrate:up

-- Who let a frozen set be sent; not who froze it where two persons were asked for when it was frozen.
ALTER TABLE redrives ADD COLUMN run_by text NOT NULL DEFAULT '', ADD COLUMN two_persons boolean NOT NULL DEFAULT false;

-- migrate:down

ALTER TABLE redrives DROP COLUMN run_by, DROP COLUMN two_persons;
