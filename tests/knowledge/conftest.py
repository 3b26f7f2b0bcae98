"""A knowledge pool on a database of the tests' own."""

import pytest

from bus.knowledge.pool import KnowledgePool
from bus.postgres.pool import Pool, connected
from bus.rules_config import root_cause_words
from tests.databases import clear_on
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool, postgres_store

__all__ = ["database", "pool", "postgres_store"]


@pytest.fixture
async def knowledge(pool: Pool) -> KnowledgePool:
    """Give an empty one, that began before all."""
    async with connected(pool) as connection:
        await connection.execute(
            "TRUNCATE knowledge_articles, knowledge_versions, knowledge_terms, outbox, ticket_outcomes, ticket_names"
        )
        await connection.execute("UPDATE knowledge_pool SET began_at = '2026-01-01Z'")
        await connection.execute("ALTER SEQUENCE knowledge_numbers RESTART")
    return pool_of(pool)


def pool_of(pool: Pool) -> KnowledgePool:
    """Make it on a database."""
    return KnowledgePool(pool=pool, clear=clear_on(pool), encode=CODEC.encode_record, causes=root_cause_words())
