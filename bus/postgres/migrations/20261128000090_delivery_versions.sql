-- migrate:up
-- The last version of each ticket that the stage of deliveries has read, so that it sees which one the log left out.
CREATE TABLE delivery_versions (
    ticket_id text    PRIMARY KEY,
    version   integer NOT NULL
) WITH (fillfactor = 70);
INSERT INTO delivery_versions SELECT ticket_id, version FROM ticket_states;

-- migrate:down
DROP TABLE delivery_versions;
