-- migrate:up

-- The directory of people who take tickets (R5, R6). Contact and photo are sealed under a key about `person:NAME`.
CREATE TABLE people (
    person           text        PRIMARY KEY,
    profile          jsonb       NOT NULL, -- a Person
    left_at          timestamptz,
    erased_at        timestamptz,
    assigned_at      timestamptz,          -- when the bus last assigned somebody a ticket; null: never
    changed_at       timestamptz NOT NULL,
    changed_by       text        NOT NULL
);

-- migrate:down

DROP TABLE people;
