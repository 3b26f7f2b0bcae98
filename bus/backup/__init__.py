"""Backups of a bus: PostgreSQL by its own tools, beside it what a new bus needs to be like the old one."""
