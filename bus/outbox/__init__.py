"""The outbox: what PostgreSQL holds for Kafka, published in order."""
