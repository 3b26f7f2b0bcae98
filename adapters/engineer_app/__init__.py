"""The engineer app: its buttons and cards. It uses REST and WebSocket as every client does. Pure."""
