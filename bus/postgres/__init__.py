"""PostgreSQL, where a change becomes true: pool, migrations, store."""
