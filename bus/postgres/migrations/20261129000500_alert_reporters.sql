-- migrate:up

-- Each program keeps its own report: of two that alternate, the alert took turns in severity, and was heard of each time.
ALTER TABLE alert_reports ADD COLUMN reporter text NOT NULL DEFAULT '';
ALTER TABLE alert_reports DROP CONSTRAINT alert_reports_pkey, ADD PRIMARY KEY (rule, about, reporter);

-- migrate:down

DELETE FROM alert_reports a USING alert_reports b
WHERE (a.rule, a.about) = (b.rule, b.about) AND (a.reported_at, a.reporter) < (b.reported_at, b.reporter);
ALTER TABLE alert_reports DROP CONSTRAINT alert_reports_pkey, ADD PRIMARY KEY (rule, about);
ALTER TABLE alert_reports DROP COLUMN reporter;
