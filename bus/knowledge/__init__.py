"""The knowledge pool: drafts out of closed tickets, filed by editors, found and linked when work begins (R21, R30)."""
