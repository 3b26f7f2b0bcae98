"""The contract with everyone outside: Avro schemas, topics, root causes and promises, each in its file."""
