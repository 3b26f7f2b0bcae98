"""The way onto Docker, checked without an engine: against the schema, the settings class and real Kafka."""
