"""Delivery: events on their way to other systems, one row per event and target, in order per ticket (R37)."""
