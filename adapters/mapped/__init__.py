"""Sources that are plugged in by a map: what comes in, who proves to have sent it, which commands it is."""
