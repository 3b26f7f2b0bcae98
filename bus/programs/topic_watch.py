"""Watches who reads which topic, every ten seconds, by one worker: undeclared topics, readers, verdicts, silence."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import structlog

from bus.consistency import metrics
from bus.consistency.consumer_readings import OwnReader
from bus.consistency.consumer_round import judge_consumers
from bus.consistency.consumer_store import all_consumers
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict
from bus.consistency.mismatch_store import ROUND_EVERY, note_mismatches, take_turn
from bus.consistency.shown_names import shown
from bus.consistency.subscription_store import see_readers
from bus.consistency.topic_activity import note_activity
from bus.consistency.topic_mismatch import AllowedTopic, MismatchKind, TopicMismatch, allowed_topics, mismatches
from bus.consistency.topic_readers import TopicReader, group_readers
from bus.domain.errors import KafkaUnavailable, StoreUnavailable
from bus.intake.dispatch import utc_now
from bus.kafka.clients import admin
from bus.kafka.consumer_offsets import KafkaConsumers, read_consumers
from bus.kafka.log_ends import records_written
from bus.kafka.range_reader import RangeReader, open_reader
from bus.postgres.pool import Pool, connected
from bus.settings import Settings
from bus.stage.handler import Stage
from schemas.topics import Contract, physical

READ_S_MAX: Final = 20.0
AWAY_S_MAX: Final = 60.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicUse:
    """Who uses topics now: readers of declared ones, and what is undeclared."""

    readers: Sequence[TopicReader]
    mismatches: Sequence[TopicMismatch]


async def topics_in_use(settings: Settings, contract: Contract, allowed: Sequence[AllowedTopic]) -> TopicUse:
    """Ask the broker for groups and topics. Raises KafkaUnavailable."""
    async with open_reader(settings) as reader:
        return await _use(settings, reader, contract, allowed, await _read(settings, reader, {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicWatch:
    """Writes what is undeclared, and judges all consumers; `stages` are this bus's own readers."""

    settings: Settings
    contract: Contract
    pool: Pool
    stages: Sequence[Stage]

    async def run(self) -> None:
        """Hold a round whenever one is due and this program's turn, until cancelled.

        Raises ConfigFileInvalid at once; KafkaUnavailable or StoreUnavailable once that is so for a minute.
        """
        allowed, held_at = allowed_topics(self.settings.topics_allowed_file), monotonic()
        async with open_reader(self.settings) as reader:
            while True:
                try:
                    async with connected(self.pool) as connection:
                        due = await take_turn(connection)
                    if due:
                        await self.hold(reader, allowed)
                    async with connected(self.pool) as connection:
                        report_consumers(await all_consumers(connection), utc_now())
                    held_at = monotonic()
                except (KafkaUnavailable, StoreUnavailable) as error:
                    log.warning("topics_not_checked", cause=str(error))
                    if monotonic() - held_at > AWAY_S_MAX:
                        raise
                await asyncio.sleep(ROUND_EVERY.total_seconds() / 2)

    async def hold(self, reader: RangeReader, allowed: Sequence[AllowedTopic] = ()) -> None:
        """Hold one round: Kafka is read once for both. Raises KafkaUnavailable, StoreUnavailable."""
        topics, namespace = self.contract.topics, self.settings.namespace
        kafka = await _read(
            self.settings, reader, {physical(namespace, name): topics[name].retention for name in topics}
        )
        use = await _use(self.settings, reader, self.contract, allowed, kafka)
        async with connected(self.pool) as connection:
            await note_mismatches(connection, use.mismatches)
            await see_readers(connection, use.readers)
            await note_activity(connection, self.contract, namespace, kafka.topics)
        await judge_consumers(self.pool, reader, kafka, [_own(one) for one in self.stages])


def _own(stage: Stage) -> OwnReader:
    return OwnReader(group=stage.group, topic=stage.topic, handlers=tuple(one.name for one in stage.handlers))


async def _read(settings: Settings, reader: RangeReader, retentions: Mapping[str, timedelta | None]) -> KafkaConsumers:
    try:
        async with asyncio.timeout(READ_S_MAX), admin(settings) as client:
            return await read_consumers(client, reader, retentions)
    except TimeoutError:
        raise KafkaUnavailable(f"the brokers did not tell of groups and topics within {READ_S_MAX:.0f} s") from None


async def _use(
    settings: Settings,
    reader: RangeReader,
    contract: Contract,
    allowed: Sequence[AllowedTopic],
    kafka: KafkaConsumers,
) -> TopicUse:
    members = [each for one in kafka.groups for each in one.members]
    found = mismatches(contract, settings.namespace, members, kafka.names, allowed)
    undeclared = [one.topic for one in found if one.kind is MismatchKind.TOPIC]
    written = dict[str, int]()
    if undeclared:
        async with admin(settings) as client:
            written = await records_written(reader, client, undeclared)
    return TopicUse(
        readers=group_readers(contract, settings.namespace, members),
        mismatches=[
            replace(one, records=written.get(one.topic, 0)) if one.kind is MismatchKind.TOPIC else one for one in found
        ],
    )


def report_consumers(consumers: Sequence[ConsumerStatus], now: datetime) -> None:
    """Update the gauges; every worker does the same."""
    for gauge in (metrics.LAG, metrics.OLDEST_SECONDS):
        gauge.clear()
    for which in ConsumerVerdict:
        metrics.CONSUMERS.labels(which.value).set(sum(one.verdict is which for one in consumers))
    for one in consumers:
        labels = (one.kind.value, shown(one.consumer), one.topic)
        waited = (now - one.oldest_at).total_seconds() if one.oldest_at else 0.0
        metrics.LAG.labels(*labels).set(one.lag)
        metrics.OLDEST_SECONDS.labels(*labels).set(max(waited, 0.0))
