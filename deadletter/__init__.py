"""The dead-letter room. It begins as the store of refused input."""
