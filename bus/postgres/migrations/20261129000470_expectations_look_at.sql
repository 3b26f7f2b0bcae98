-- migrate:up

-- When a missed hop is looked at again. An event of its ticket brings that forward, by the second index.
ALTER TABLE expectations ADD COLUMN look_at timestamptz NOT NULL DEFAULT '-infinity';
CREATE INDEX expectations_look ON expectations (look_at) WHERE state = 'missed';
CREATE INDEX expectations_missed_ticket ON expectations (ticket_id) WHERE state = 'missed';

-- migrate:down

DROP INDEX expectations_missed_ticket, expectations_look;
ALTER TABLE expectations DROP COLUMN look_at;
