-- migrate:up
ALTER TABLE deeds RENAME TO idempotency_keys;
ALTER INDEX deeds_pkey RENAME TO idempotency_keys_pkey;

-- migrate:down
ALTER INDEX idempotency_keys_pkey RENAME TO deeds_pkey;
ALTER TABLE idempotency_keys RENAME TO deeds;
