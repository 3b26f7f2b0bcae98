"""Authentication by token, and authorization by role."""
