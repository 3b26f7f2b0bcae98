"""The outbox: what stands still, and how much is taken at once."""
