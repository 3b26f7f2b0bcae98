-- migrate:up

-- The drift list of each working morning, as it was made (R9): one a day, whichever worker made it.
CREATE TABLE drift_lists (
    day     date        PRIMARY KEY,
    due_at  timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    tickets jsonb       NOT NULL -- DriftedTicket, by number
);

-- migrate:down

DROP TABLE drift_lists;
