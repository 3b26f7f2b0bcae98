"""Kafka clients, administration of topics, and readers of a range and of the tail of a topic."""
