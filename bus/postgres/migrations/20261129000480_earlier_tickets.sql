-- migrate:up

-- Tickets of an incident key beside the newest, which `ticket_names` holds: a report joins the one opened near its time.
CREATE TABLE earlier_tickets (
    kind      text        NOT NULL,
    value     text        NOT NULL, -- as in ticket_names: a phone by its look-up
    opened_at timestamptz NOT NULL,
    ticket_id text        NOT NULL,
    PRIMARY KEY (value, kind, opened_at, ticket_id)
);
-- By it a ticket's phones are forgotten.
CREATE INDEX earlier_tickets_phone ON earlier_tickets (ticket_id) WHERE kind = 'phone';

-- migrate:down

DROP TABLE earlier_tickets;
