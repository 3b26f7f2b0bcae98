"""What is counted of consumers, for Prometheus."""

from prometheus_client import Gauge

CONSUMERS = Gauge("ticketbus_consumers", "Consumer groups on a topic, and queues, by their worst verdict", ["verdict"])
LAG = Gauge("ticketbus_consumer_lag", "Records that a consumer has not read yet", ["kind", "consumer", "topic"])
OLDEST_SECONDS = Gauge(
    "ticketbus_consumer_oldest_seconds", "How long the oldest unread record waits", ["kind", "consumer", "topic"]
)
