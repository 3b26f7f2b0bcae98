"""Stages: Kafka delivers, PostgreSQL decides. Effects are exactly once, whatever the framework repeats or skips."""
