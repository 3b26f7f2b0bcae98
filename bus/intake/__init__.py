"""Intake: input becomes requests of the domain, the same way whether it is live or waited on Kafka."""
