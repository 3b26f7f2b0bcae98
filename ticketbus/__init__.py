"""The stable interface for other packages: ticketbus.adapters to write an adapter, ticketbus.testing to test it."""
