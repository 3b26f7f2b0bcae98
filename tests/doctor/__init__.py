"""`ticketbus doctor`: each check on what must make it speak and what must not, and all of them on a real bus."""
