"""The two stores against each other: verify compares them, republish fills Kafka, restore fills PostgreSQL."""
