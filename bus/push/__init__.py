"""Outbound to people: deliveries pushed to engineers' apps over WebSocket."""
