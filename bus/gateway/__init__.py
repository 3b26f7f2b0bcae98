"""The gateway: what systems and people reach over HTTP and WebSocket."""
