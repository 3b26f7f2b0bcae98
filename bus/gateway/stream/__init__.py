"""The WebSocket stream of events: one tail of the log, fanned out to subscribers by cursor."""
