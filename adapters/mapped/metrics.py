"""What is counted of sources that a worker reads over MQTT."""

from prometheus_client import Counter

MESSAGES = Counter(
    "ticketbus_mqtt_messages_total",
    "Messages and readings of an MQTT broker, by what they came to: taken, retained (passed over), or why refused",
    ["source", "outcome"],
)
