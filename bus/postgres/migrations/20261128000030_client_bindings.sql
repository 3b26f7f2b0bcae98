-- migrate:up

-- What a token speaks for. A client of an earlier version is not bound, and reaches all that its role may.
ALTER TABLE clients
    ADD COLUMN bound       boolean NOT NULL DEFAULT false,
    ADD COLUMN source      text    NOT NULL DEFAULT '',
    ADD COLUMN all_sources boolean NOT NULL DEFAULT false,
    ADD COLUMN person      text    NOT NULL DEFAULT '',
    ADD COLUMN on_behalf   boolean NOT NULL DEFAULT false,
    ADD COLUMN regions     text[]  NOT NULL DEFAULT '{}';
-- Lists of a source's tickets, and of a region's.
CREATE INDEX tickets_source ON tickets (source, ticket_id);
CREATE INDEX tickets_region ON tickets (region, ticket_id);

-- migrate:down

DROP INDEX tickets_source, tickets_region;

ALTER TABLE clients
    DROP COLUMN bound, DROP COLUMN source, DROP COLUMN all_sources, DROP COLUMN person, DROP COLUMN on_behalf,
    DROP COLUMN regions;
