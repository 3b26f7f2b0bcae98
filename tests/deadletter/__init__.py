"""The dead-letter room: what comes in, what is told of it, and what people do about it."""
