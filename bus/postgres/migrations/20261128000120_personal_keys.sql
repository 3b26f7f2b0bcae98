-- migrate:up

-- Keys of personal texts, each wrapped by the master key (R50). A row whose key was destroyed stays: views say so.
CREATE TABLE personal_keys (
    key_id   text        PRIMARY KEY,
    about    text        NOT NULL, -- the ticket's number; 'input': a letter or refused input
    wrapped  bytea,                -- null: destroyed
    made_at  timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz           -- when it was destroyed
);
CREATE INDEX personal_keys_about ON personal_keys (about) WHERE wrapped IS NOT NULL;
CREATE INDEX personal_keys_made ON personal_keys (made_at) WHERE wrapped IS NOT NULL;

-- By it a ticket's phones are forgotten.
CREATE INDEX ticket_names_phone ON ticket_names (ticket_id) WHERE kind = 'phone';

-- Every ticket that a phone reported or that is about it, by the phone's look-up. Until now a name held the newest.
CREATE TABLE ticket_phones (
    phone     text NOT NULL,
    ticket_id text NOT NULL,
    PRIMARY KEY (phone, ticket_id)
);
CREATE INDEX ticket_phones_ticket ON ticket_phones (ticket_id);
INSERT INTO ticket_phones
SELECT DISTINCT value, ticket_id FROM ticket_names WHERE kind IN ('customer', 'phone') AND ticket_id IS NOT NULL;
DELETE FROM ticket_names WHERE kind = 'customer';

-- Who read whose personal texts in clear, a row per day.
CREATE TABLE personal_reads (
    read_on  date        NOT NULL,
    client   text        NOT NULL,
    person   text        NOT NULL, -- for whom, where the client speaks for persons
    what     text        NOT NULL, -- a ticket's number, or a stream's topics
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    times    integer     NOT NULL,
    PRIMARY KEY (what, read_on, client, person)
);
CREATE INDEX personal_reads_on ON personal_reads (read_on);

-- An erasure is on file as an export is.
ALTER TABLE privacy_reads ADD COLUMN what text NOT NULL DEFAULT 'export';
ALTER TABLE privacy_reads ADD COLUMN why text NOT NULL DEFAULT '';

-- migrate:down

ALTER TABLE privacy_reads DROP COLUMN why, DROP COLUMN what;

DROP INDEX ticket_names_phone;
DROP TABLE personal_reads, personal_keys, ticket_phones;
