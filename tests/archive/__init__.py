"""Closed months in files."""
