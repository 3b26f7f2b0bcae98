"""Alerts: what needs a person, and the sink that takes them."""
