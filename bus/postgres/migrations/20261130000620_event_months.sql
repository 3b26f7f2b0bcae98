-- migrate:up
-- A month of tickets is a partition of the log, so that a closed one can be archived and dropped as a whole; tickets
-- are numbered by the day on which they were opened. What is here already is one partition, up to the end of the
-- month in which this runs: no row is rewritten, but all are read once, under the lock.
ALTER TABLE events RENAME TO events_before;
ALTER INDEX events_pkey RENAME TO events_before_pkey;
ALTER INDEX events_event_id RENAME TO events_before_event_id;
CREATE TABLE events (LIKE events_before, PRIMARY KEY (ticket_id, version)) PARTITION BY RANGE (ticket_id);
CREATE INDEX events_event_id ON events (event_id);
-- Nobody's number is refused: what is of no month's partition stands here, and is moved once the partition is made.
CREATE TABLE events_other PARTITION OF events DEFAULT;
-- Virtual tickets.
CREATE TABLE events_virtual PARTITION OF events FOR VALUES FROM ('V') TO ('W');
DO $$
DECLARE
    this_month date := date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai');
    bounds     text[] := ARRAY(
        SELECT to_char(this_month + make_interval(months => n), '"T"YYYYMM') FROM generate_series(1, 4) n ORDER BY n);
BEGIN
    FOR n IN 1 .. 3 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
            'events_' || substr(bounds[n], 2), bounds[n], bounds[n + 1]);
    END LOOP;
    WITH moved AS (DELETE FROM events_before WHERE ticket_id >= bounds[1] RETURNING *)
    INSERT INTO events SELECT * FROM moved;
    EXECUTE format('ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO (%L)', bounds[1]);
END $$;

-- migrate:down
CREATE TABLE events_whole (LIKE events);
INSERT INTO events_whole SELECT * FROM events;
DROP TABLE events;
ALTER TABLE events_whole RENAME TO events;
ALTER TABLE events ADD PRIMARY KEY (ticket_id, version);
CREATE INDEX events_event_id ON events (event_id);
