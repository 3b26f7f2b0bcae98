"""A database of the tests' own."""

from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
