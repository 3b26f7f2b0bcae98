"""Stand-ins for the systems around the bus: they behave like the real ones, over real sockets, and drive the demo."""
