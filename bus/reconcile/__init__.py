"""A source's own list of tickets against the bus's: what never arrived, what differs, what the source lost."""
