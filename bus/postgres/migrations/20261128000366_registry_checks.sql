-- migrate:up

-- The last comparison of the schema registry with this version; workers take turns.
CREATE TABLE registry_checks (
    one         boolean     PRIMARY KEY DEFAULT true CHECK (one),
    begun_at    timestamptz NOT NULL,
    away        text,                        -- why it could not be asked; null: it answered
    differences jsonb       NOT NULL         -- [[subject, zh, en], …] when it last answered
);
INSERT INTO registry_checks (begun_at, differences) VALUES ('-infinity', '[]');

-- migrate:down

DROP TABLE registry_checks;
