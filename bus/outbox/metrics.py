"""The catalogue of the relay's metrics."""

from prometheus_client import Counter, Gauge

PUBLISHED = Counter("ticketbus_relay_published", "Records that Kafka acknowledged")
AWAY = Counter("ticketbus_relay_store_away", "Passes that had to wait for PostgreSQL or Kafka")
STOPPED = Gauge("ticketbus_relay_shards_stopped", "Shards that stand still before a record that Kafka does not take")
