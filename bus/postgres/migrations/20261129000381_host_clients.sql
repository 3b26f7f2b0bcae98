-- migrate:up

-- Machines that report: readings of a host, alerts of an Alertmanager.
ALTER TABLE clients DROP CONSTRAINT clients_role_check, ADD CONSTRAINT clients_role_check
    CHECK (role IN ('source', 'engineer', 'dispatcher', 'lead', 'sre', 'subscriber', 'admin', 'host'));

-- migrate:down

DELETE FROM clients WHERE role = 'host';
ALTER TABLE clients DROP CONSTRAINT clients_role_check, ADD CONSTRAINT clients_role_check
    CHECK (role IN ('source', 'engineer', 'dispatcher', 'lead', 'sre', 'subscriber', 'admin'));
