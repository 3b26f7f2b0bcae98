-- migrate:up
-- Input that had no effect: its bytes, where it came from and why. Kept once per origin and reference.
CREATE TABLE refused_inputs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin      text        NOT NULL,
    origin_ref  text        NOT NULL,
    source      text        NOT NULL,
    code        text        NOT NULL,
    field       text        NOT NULL,
    detail_zh   text        NOT NULL,
    detail_en   text        NOT NULL,
    body        bytea       NOT NULL,
    headers     jsonb       NOT NULL,
    trace_id    text        NOT NULL,
    ticket_id   text,
    first_at    timestamptz NOT NULL DEFAULT now(),
    last_at     timestamptz NOT NULL DEFAULT now(),
    times       integer     NOT NULL DEFAULT 1,
    UNIQUE (origin, origin_ref)
);
CREATE INDEX refused_inputs_ticket ON refused_inputs (ticket_id) WHERE ticket_id IS NOT NULL;

-- migrate:down
DROP TABLE refused_inputs;
