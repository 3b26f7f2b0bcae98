"""Who is asking, and what a role may do."""
