-- migrate:up

-- After a renewal the token before it may be good for some hours more, so that the client has the new one before the old
-- one ends.
ALTER TABLE clients ADD COLUMN earlier_sha256 bytea, ADD COLUMN earlier_until timestamptz;

-- migrate:down

ALTER TABLE clients DROP COLUMN earlier_sha256, DROP COLUMN earlier_until;
