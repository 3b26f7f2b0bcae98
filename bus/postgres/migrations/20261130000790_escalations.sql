-- migrate:up

-- How far up its ladder an alert is.
ALTER TABLE alerts ADD COLUMN level integer NOT NULL DEFAULT 0;
UPDATE alerts SET level = 1 WHERE closed_at IS NULL AND escalated_at IS NOT NULL;

-- Promises that are nearly spent or broken, and not kept since: what an escalation follows.
CREATE INDEX sla_clocks_escalating ON sla_clocks (due_at)
    WHERE settled_at IS NULL AND (breached_at IS NOT NULL OR next_alarm_at = due_at);

-- migrate:down

DROP INDEX sla_clocks_escalating;
ALTER TABLE alerts DROP COLUMN level;
