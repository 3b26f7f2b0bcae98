-- migrate:up

-- How each golden metric was judged in each week: last, and of past weeks at the end. Weeks begin on Monday, UTC.
CREATE TABLE metric_judgements (
    metric    text        NOT NULL,
    week      date        NOT NULL,
    since     timestamptz NOT NULL,
    until     timestamptz NOT NULL,
    units     integer     NOT NULL,
    hits      integer     NOT NULL,
    judgement text        NOT NULL,
    judged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (metric, week)
);

-- What followed: a row each time that something went over its threshold, and what people did about it.
CREATE TABLE insight_tasks (
    task      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text        NOT NULL,
    about     text        NOT NULL, -- a part of the metric; empty: all of it
    metric    text        NOT NULL,
    units     integer     NOT NULL,
    hits      integer     NOT NULL,
    since     timestamptz NOT NULL,
    until     timestamptz NOT NULL,
    tickets   text[]      NOT NULL, -- the first of them, where no metric lists them
    opened_at timestamptz NOT NULL,
    back_at   timestamptz,          -- null: it is still over
    done_at   timestamptz,          -- null: nobody has done it
    done_by   text        NOT NULL DEFAULT '',
    done_why  text        NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX insight_tasks_over ON insight_tasks (kind, about) WHERE back_at IS NULL;

-- migrate:down

DROP TABLE insight_tasks;
DROP TABLE metric_judgements;
