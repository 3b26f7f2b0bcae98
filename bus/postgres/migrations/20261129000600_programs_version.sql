-- migrate:up

-- The release that a program is of, for `ticketbus doctor`; empty of those of before.
ALTER TABLE programs ADD COLUMN version text NOT NULL DEFAULT '';

-- migrate:down

ALTER TABLE programs DROP COLUMN version;
