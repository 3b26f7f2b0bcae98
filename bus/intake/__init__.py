"""Intake: what comes from outside becomes requests, the same way whether it came just now or waited on Kafka."""
