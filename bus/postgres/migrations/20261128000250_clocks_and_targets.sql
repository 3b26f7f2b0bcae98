-- migrate:up
-- A broken promise fell due when it was broken, and is not warned of any more, however long its clock ran afterwards.
UPDATE sla_clocks SET due_at = breached_at, warn_at = NULL
WHERE breached_at IS NOT NULL AND (due_at IS DISTINCT FROM breached_at OR warn_at IS NOT NULL);
-- Whether the wait until `not_before` is what the target asked for, or the breaker's own.
ALTER TABLE delivery_targets ADD COLUMN asked_wait boolean NOT NULL DEFAULT false;
-- Since when no targets file names it, as far as workers that began have said.
ALTER TABLE delivery_targets ADD COLUMN undeclared_at timestamptz;

-- migrate:down
ALTER TABLE delivery_targets DROP COLUMN asked_wait, DROP COLUMN undeclared_at;
