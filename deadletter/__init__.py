"""The dead-letter room: what was given up or had no effect, and what people decide about it."""
