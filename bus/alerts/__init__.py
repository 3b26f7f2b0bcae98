"""Alerts: what a person must hear of, and the port it is told through."""
