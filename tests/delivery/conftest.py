"""A database of the tests' own, and an office of deliveries on it."""

import pytest

from bus.postgres.pool import Pool
from tests.delivery.deliveries import DeliveryQueue
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]


@pytest.fixture
async def delivery_queue(pool: Pool) -> DeliveryQueue:
    """Begin with no delivery at all."""
    delivery_queue = DeliveryQueue(pool=pool)
    await delivery_queue.clear()
    return delivery_queue
