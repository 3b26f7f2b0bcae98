"""Sources that are plugged in by a map."""
