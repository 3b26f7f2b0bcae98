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

-- Who has a ticket that is open, by name. Empty: it waits for somebody; null: it is over, or a virtual ticket. Of the
-- imported past none waits. A column, and no index over the state: most changes of a ticket leave it as it is, so that
-- they touch no index.
ALTER TABLE ticket_states ADD COLUMN handler text GENERATED ALWAYS AS (
    CASE WHEN ticket_id LIKE 'V%' THEN NULL
         WHEN state ->> 'state' IN ('assigned', 'in_progress') THEN state -> 'assignee' ->> 'person'
         WHEN state ->> 'state' = 'pending' AND state ->> 'historic' = 'false' THEN ''
    END) STORED;
CREATE INDEX ticket_states_handler ON ticket_states (handler) WHERE handler IS NOT NULL;

-- migrate:down

DROP INDEX ticket_states_handler;
ALTER TABLE ticket_states DROP COLUMN handler;
DROP TABLE people;
