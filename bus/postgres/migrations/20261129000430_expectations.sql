-- migrate:up

-- What is expected of events: which hop, where, until when. A row is opened with the event's deliveries and settled by a
-- timer; `missed` is not settled: it may still arrive.
CREATE TABLE expectations (
    ticket_id   text        NOT NULL,
    version     integer     NOT NULL,
    expectation text        NOT NULL,                    -- as the expectations file names it
    hop         text        NOT NULL,
    place       text        NOT NULL,                    -- topic, handler, target, or the events awaited
    voided_by   text[]      NOT NULL,                    -- later events after which nothing is expected any more
    due_at      timestamptz NOT NULL,
    state       text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'met', 'late', 'missed', 'void')),
    arrived_at  timestamptz,
    looked_at   timestamptz,
    settled_at  timestamptz,
    PRIMARY KEY (ticket_id, version, expectation)
) WITH (fillfactor = 80);
CREATE INDEX expectations_due ON expectations (due_at) WHERE state = 'pending';
CREATE INDEX expectations_missed ON expectations (looked_at) WHERE state = 'missed';
CREATE INDEX expectations_settled ON expectations (settled_at) WHERE settled_at IS NOT NULL;

-- migrate:down

DROP TABLE expectations;
