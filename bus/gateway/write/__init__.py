"""How commands take effect: group commit, idempotency, and the spool while PostgreSQL is away."""
