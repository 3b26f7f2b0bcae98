"""The outbox: one table for everything that is published on Kafka, in the transaction that makes it true."""
