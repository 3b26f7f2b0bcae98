-- migrate:up
-- Sets of letters to be sent again together: frozen first, then a few to see, then the rest at a rate.
CREATE TABLE redrives (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    query       jsonb       NOT NULL,
    canary      integer     NOT NULL,
    watch_s     double precision NOT NULL,
    rate_per_s  double precision NOT NULL,
    approved_by text        NOT NULL,
    approved_why text       NOT NULL,
    frozen_at   timestamptz NOT NULL,
    state       text        NOT NULL DEFAULT 'frozen', -- frozen, done, stopped
    ended_at    timestamptz,
    ended_why   text
);
CREATE TABLE redrive_letters (
    redrive     bigint      NOT NULL REFERENCES redrives,
    letter      bigint      NOT NULL REFERENCES letters,
    released_at timestamptz,
    PRIMARY KEY (redrive, letter)
);
CREATE INDEX redrive_letters_letter ON redrive_letters (letter);

-- migrate:down
DROP TABLE redrive_letters, redrives;
