"""A source's list against the bus's tickets: pure, on PostgreSQL, and on the whole bus."""
