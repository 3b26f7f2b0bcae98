"""Alerts: rules, rounds, channels."""
