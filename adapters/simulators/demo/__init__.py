"""The demo scenario, act by act."""
