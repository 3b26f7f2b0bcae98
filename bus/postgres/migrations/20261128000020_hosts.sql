-- migrate:up
-- Read model `hosts`: the last reading of each host and path; bytes.
CREATE TABLE hosts (
    host              text             NOT NULL,
    path              text             NOT NULL,
    role              text             NOT NULL,
    disk_total_bytes  double precision NOT NULL,
    disk_free_bytes   double precision NOT NULL,
    memory_free_bytes double precision NOT NULL,
    read_at           timestamptz      NOT NULL,
    PRIMARY KEY (host, path)
) WITH (fillfactor = 70);

-- migrate:down
DROP TABLE hosts;
DELETE FROM stage_offsets WHERE handler = 'hosts';
DELETE FROM stage_batches WHERE handler = 'hosts';
