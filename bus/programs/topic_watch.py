"""Watches who uses topics that the contract does not declare: every ten seconds, by one worker."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Final

import structlog

from bus.consistency.mismatch_store import ROUND_EVERY, note_mismatches, take_turn
from bus.consistency.topic_mismatch import AllowedTopic, TopicMismatch, allowed_topics, mismatches
from bus.domain.errors import KafkaUnavailable, StoreUnavailable
from bus.kafka.clients import admin
from bus.kafka.group_members import group_members
from bus.postgres.pool import Pool, connected
from bus.settings import Settings
from schemas.topics import Contract

READ_S_MAX: Final = 20.0
AWAY_S_MAX: Final = 60.0
log = structlog.get_logger()


async def live_mismatches(
    settings: Settings, contract: Contract, allowed: Sequence[AllowedTopic]
) -> list[TopicMismatch]:
    """Ask the broker for groups and topics, and find what is undeclared. Raises KafkaUnavailable."""
    try:
        async with asyncio.timeout(READ_S_MAX), admin(settings) as client:
            members, topics = await group_members(client), await client.list_topics()
    except TimeoutError:
        raise KafkaUnavailable(f"the brokers did not tell of groups and topics within {READ_S_MAX:.0f} s") from None
    return mismatches(contract, settings.namespace, members, topics, allowed)


async def watch_topics(settings: Settings, contract: Contract, pool: Pool) -> None:
    """Write what is undeclared whenever a round is due, until cancelled.

    Raises ConfigFileInvalid at once; KafkaUnavailable or StoreUnavailable once that is so for a minute.
    """
    allowed, checked_at = allowed_topics(settings.topics_allowed_file), monotonic()
    while True:
        try:
            async with connected(pool) as connection:
                due = await take_turn(connection)
            if due:
                found = await live_mismatches(settings, contract, allowed)
                async with connected(pool) as connection:
                    await note_mismatches(connection, found)
            checked_at = monotonic()
        except (KafkaUnavailable, StoreUnavailable) as error:
            log.warning("topics_not_checked", cause=str(error))
            if monotonic() - checked_at > AWAY_S_MAX:
                raise
        await asyncio.sleep(ROUND_EVERY.total_seconds() / 2)
