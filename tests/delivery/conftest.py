"""A database of the tests' own, and an office of deliveries on it."""

import pytest

from bus.postgres.pool import Pool
from tests.delivery.deliveries import Office
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]


@pytest.fixture
async def office(pool: Pool) -> Office:
    """Begin with no delivery at all."""
    office = Office(pool=pool)
    await office.clear()
    return office
