"""The stream of events, over WebSocket or server-sent events: one tail of the log, fanned out by cursor."""
