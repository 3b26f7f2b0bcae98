"""A database of the tests' own."""

from tests.store.conftest import database, pool, postgres_store

__all__ = ["database", "pool", "postgres_store"]
