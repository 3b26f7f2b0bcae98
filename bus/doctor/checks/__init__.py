"""The checks of `ticketbus doctor`: one module each, found by its name; each holds a `CHECK`."""
