-- migrate:up
-- When the next step of a ticket falls due by a deadline of its own. NULL in rows of before: those tickets have none.
ALTER TABLE sla_tickets ADD COLUMN step_due_at timestamptz, ADD COLUMN step_lease_until timestamptz;
CREATE INDEX sla_tickets_step_due ON sla_tickets (step_due_at) WHERE step_due_at IS NOT NULL;

-- migrate:down
DROP INDEX sla_tickets_step_due;
ALTER TABLE sla_tickets DROP COLUMN step_due_at, DROP COLUMN step_lease_until;
