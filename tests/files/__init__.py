"""Uploaded files: their types, addresses, store, limits and end."""
