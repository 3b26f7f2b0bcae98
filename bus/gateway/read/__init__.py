"""Tickets as HTTP shows them: rows, views, pages."""
