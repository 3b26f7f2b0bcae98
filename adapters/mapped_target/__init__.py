"""A system as a target by a map: which events become which requests, and what its answers mean."""
