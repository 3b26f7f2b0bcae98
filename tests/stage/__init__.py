"""Stages on real Kafka and PostgreSQL."""
