-- migrate:up

-- Which rule of spelling names are stored by, since when, and the open tickets that met by it.
CREATE TABLE names_spelled (
    rule     integer     PRIMARY KEY,
    done_at  timestamptz NOT NULL DEFAULT now(),
    meetings jsonb       NOT NULL -- [{"kind": "serial", "tickets": ["T…", "T…"]}]
);

-- migrate:down

DROP TABLE names_spelled;
