-- migrate:up

-- A token that expires is refused from then on; when one was used last is known to the minute.
ALTER TABLE clients ADD COLUMN expires_at timestamptz, ADD COLUMN last_used_at timestamptz;

-- migrate:down

ALTER TABLE clients DROP COLUMN expires_at, DROP COLUMN last_used_at;
