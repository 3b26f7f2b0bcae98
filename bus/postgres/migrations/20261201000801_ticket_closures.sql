-- migrate:up

-- Read model `closures`: how customers answered requests to confirm, by request, and the scene tags of a ticket.
CREATE TABLE ticket_closures (
    ticket_id      text          PRIMARY KEY,
    version        integer       NOT NULL,
    historic       boolean       NOT NULL,
    answers        text[]        NOT NULL, -- confirmed, rejected, expired
    details        text[]        NOT NULL, -- of each: how it was confirmed, or the code of why it was rejected
    answered_at    timestamptz[] NOT NULL,
    last_answer_at timestamptz,
    tags           text[]        NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ticket_closures_answered ON ticket_closures (last_answer_at) WHERE last_answer_at IS NOT NULL;

-- migrate:down

DROP TABLE ticket_closures;
DELETE FROM stage_offsets WHERE handler = 'closures';
DELETE FROM stage_batches WHERE handler = 'closures';
