"""Bytes to values and back, without I/O: Avro records, Kafka headers and keys, JSON bodies, rejected input."""
