"""The local stack: PostgreSQL, Apache Kafka and a schema registry on one machine, from Python alone."""
