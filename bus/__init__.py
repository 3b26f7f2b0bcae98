"""The ticket event bus: domain core, the path from command to Kafka, programs and command line."""
