"""A ticket's way through the bus: hops, and the verdict on what is missing."""
