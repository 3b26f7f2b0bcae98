-- migrate:up

-- Of which target it is a new version: it gets what a rollout gives it, and nothing else.
ALTER TABLE delivery_targets ADD COLUMN canary_of text NOT NULL DEFAULT '';

-- A new version of a target, which takes a growing share of the tickets.
CREATE TABLE rollouts (
    number       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target       text        NOT NULL,          -- the old version
    canary       text        NOT NULL,          -- the new one
    state        text        NOT NULL DEFAULT 'running'
        CHECK (state IN ('running', 'promoted', 'aborted', 'rolled_back')),
    percent      integer     NOT NULL,
    step_minutes integer     NOT NULL,
    step_events  integer     NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    started_by   text        NOT NULL,
    why          text        NOT NULL,
    step_at      timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    ended_by     text,
    ended_zh     text,
    ended_en     text
);
CREATE UNIQUE INDEX rollouts_running ON rollouts (target) WHERE state = 'running';

-- The tickets that the new version has while the rollout runs.
CREATE TABLE rollout_tickets (
    rollout   bigint NOT NULL REFERENCES rollouts ON DELETE CASCADE,
    ticket_id text   NOT NULL,
    PRIMARY KEY (rollout, ticket_id)
);

-- migrate:down

DROP TABLE rollout_tickets, rollouts;
ALTER TABLE delivery_targets DROP COLUMN canary_of;
