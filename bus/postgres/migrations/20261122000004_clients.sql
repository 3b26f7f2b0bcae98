-- migrate:up

-- Who may speak to the gateway. Of a token only its SHA-256 is kept.
create table clients (
    name         text primary key check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    role         text not null
        check (role in ('source', 'engineer', 'dispatcher', 'lead', 'sre', 'subscriber', 'admin')),
    token_sha256 bytea not null unique check (length(token_sha256) = 32),
    created_at   timestamptz not null default now(),
    revoked_at   timestamptz
);

-- Which event was pushed to which subscriber, best effort: what `trace` tells about the last hop.
create table pushes (
    ticket_id text not null,
    version   integer not null,
    topic     text not null,
    client    text not null,
    pushed_at timestamptz not null,
    primary key (ticket_id, version, topic, client)
);

-- migrate:down

drop table pushes;
drop table clients;
