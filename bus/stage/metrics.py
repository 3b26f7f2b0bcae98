"""What the stages count, for Prometheus."""

from prometheus_client import Counter, Gauge

EVENTS = Counter("ticketbus_stage_events", "Records that took effect", ("handler",))
LAG = Gauge("ticketbus_stage_lag", "Records of the log that have not taken effect yet", ("handler", "partition"))
STOPPED = Gauge("ticketbus_stage_stopped", "1 while a handler stands still on a partition", ("handler", "partition"))
STALLED = Gauge("ticketbus_stage_stalled", "1 while a stage fails again and again and gets nowhere", ("stage",))
READ_DIRECTLY = Counter("ticketbus_stage_read_directly", "Records read straight from the log", ("handler",))
AWAY = Counter("ticketbus_stage_store_away", "Batches that had to wait for PostgreSQL or Kafka", ("stage",))
HEALED = Counter("ticketbus_stage_healed", "Events that the log did not tell, read from PostgreSQL", ("handler",))
MISSING = Counter("ticketbus_stage_missing", "Offsets that the log does not hold any more", ("handler",))
