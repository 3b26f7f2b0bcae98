"""The engineer app's door: it speaks REST and WebSocket like everybody; its buttons and cards are told here. Pure."""
