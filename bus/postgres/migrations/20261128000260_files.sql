-- migrate:up

-- Uploaded files. The bytes are in the store (TICKETBUS_FILES_URL), by their SHA-256.
CREATE TABLE files (
    sha256      text        PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size        bigint      NOT NULL,
    media_type  text        NOT NULL,              -- what its bytes are, whatever its sender called it
    client      text        NOT NULL,              -- who uploaded it first
    uploaded_at timestamptz NOT NULL,              -- the last time
    tickets     text[]      NOT NULL DEFAULT '{}', -- whose evidence names it
    ended_at    timestamptz                        -- since then nobody reads it; a gateway deletes bytes and row
);
CREATE INDEX files_tickets ON files USING gin (tickets);
CREATE INDEX files_client ON files (client, uploaded_at);
CREATE INDEX files_unnamed ON files (uploaded_at) WHERE tickets = '{}' AND ended_at IS NULL;
CREATE INDEX files_ended ON files (ended_at) WHERE ended_at IS NOT NULL;

-- migrate:down

DROP TABLE files;
