-- migrate:up

-- In how many seconds an expected hop came lately, of 99 in 100: what the limit of a learned expectation is made of.
CREATE TABLE expectation_limits (
    expectation text        PRIMARY KEY,
    hop         text        NOT NULL,
    place       text        NOT NULL,
    p99_s       float8,               -- null without samples
    samples     integer     NOT NULL,
    computed_at timestamptz NOT NULL
);
CREATE INDEX expectations_arrived ON expectations (expectation, place, settled_at) WHERE arrived_at IS NOT NULL;

-- migrate:down

DROP INDEX expectations_arrived;
DROP TABLE expectation_limits;
