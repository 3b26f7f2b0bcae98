-- migrate:up

-- What a resolution is held against: who solved it since when, what was done, and how near its deadline it was.
ALTER TABLE ticket_outcomes
    ADD COLUMN region        text    NOT NULL DEFAULT '',
    ADD COLUMN priority      text    NOT NULL DEFAULT '',
    ADD COLUMN handler       text    NOT NULL DEFAULT '', -- who has it, or had it when it was first closed
    ADD COLUMN taken_at      timestamptz,                 -- since when
    ADD COLUMN works         text[]  NOT NULL DEFAULT '{}',
    ADD COLUMN unsolved      boolean NOT NULL DEFAULT false,
    ADD COLUMN lacks_work    boolean,                     -- null: its type needs none, or it is not resolved
    ADD COLUMN warned        boolean NOT NULL DEFAULT false,
    ADD COLUMN breached      boolean NOT NULL DEFAULT false,
    ADD COLUMN near_deadline boolean NOT NULL DEFAULT false;
-- What is behind a task in most cases, such as the hops that failed.
ALTER TABLE insight_tasks ADD COLUMN causes text[] NOT NULL DEFAULT '{}';

-- migrate:down

ALTER TABLE insight_tasks DROP COLUMN causes;
ALTER TABLE ticket_outcomes DROP COLUMN near_deadline, DROP COLUMN breached, DROP COLUMN warned,
    DROP COLUMN lacks_work, DROP COLUMN unsolved, DROP COLUMN works, DROP COLUMN taken_at, DROP COLUMN handler,
    DROP COLUMN priority, DROP COLUMN region;
