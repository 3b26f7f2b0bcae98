"""The room on a database of the tests' own, and the topics that it tells of itself on."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bus.kafka.clients import admin
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.postgres.pool import Pool
from bus.settings import Settings
from schemas.topics import load_contract
from tests.deadletter.letters import LetterStore
from tests.delivery.conftest import delivery_queue
from tests.delivery.deliveries import DeliveryQueue
from tests.store.conftest import database, pool

__all__ = ["database", "delivery_queue", "pool"]


@pytest.fixture
def letter_store(pool: Pool, delivery_queue: DeliveryQueue) -> LetterStore:
    """Begin with an empty room."""
    del delivery_queue  # it has emptied it
    return LetterStore(pool)


@pytest.fixture(scope="module")
async def settings(parts: Urls, database: str) -> AsyncIterator[Settings]:
    """Make topics in a namespace of the module's own."""
    own = {"database_url": database, "kafka_bootstrap": parts.kafka_bootstrap, "namespace": f"d{uuid4().hex[:8]}"}
    settings = Settings.model_validate(own)
    made = await apply_topics(settings, load_contract(), replication=1)
    yield settings
    async with admin(settings) as client:
        await client.delete_topics(made)
