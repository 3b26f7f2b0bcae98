"""Delivery: the pure parts by example and by any history."""
