"""Takes in what mapped sources do not send by themselves: lists that are polled, topics, files that are dropped."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from secrets import token_hex
from typing import Any, Final

import orjson
import structlog

from adapters.adapter import EnvironmentSecrets
from adapters.mapped import cursors, dropped_files
from adapters.mapped.asked_list import ListAway
from adapters.mapped.fxiaoke_objects import FxiaokePoller
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.polled_list import ListPoller
from adapters.mapped.source import MappedSource
from adapters.mapped.transports import DroppedFiles, FxiaokeObjects, KafkaTopic, PolledList
from bus.aio import Backoff, cancel_all
from bus.app import Core
from bus.domain.errors import MalformedInput, Transient, cause_of
from bus.domain.terms import TraceId
from bus.intake.disk_floor import DiskFloor
from bus.intake.dispatch import utc_now
from bus.intake.dispatch_handler import DispatchHandler
from bus.intake.intake_topic import IntakeTranslator
from bus.intake.source_adapter import MAP_VERSION, Source
from bus.kafka.clients import make_consumer, stop_consumer
from bus.postgres.pool import connected, in_transaction
from bus.programs.foreign_avro import ForeignAvro
from bus.programs.mqtt_source import read_mqtt
from bus.wire.record import Record

BATCH: Final = 200
LOOK_EVERY_S: Final = 1.0
LEASE: Final = timedelta(minutes=10)
PAUSE_S_MIN, PAUSE_S_MAX = 1.0, 60.0
KNOWN_MAX: Final = 50_000
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class PulledSources:
    """Runs one task a source for as long as its map says so. `known`: the sources, which change while this runs."""

    core: Core
    known: Mapping[str, Source]
    _tasks: dict[tuple[str, int], "asyncio.Task[None]"] = field(default_factory=dict)
    _troubles: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Start and stop tasks as maps come and go, until cancelled."""
        try:
            while True:
                await self._follow()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await cancel_all(self._tasks.values())

    def trouble(self) -> str | None:
        """Say which sources cannot be read, and why; None where all can."""
        return "; ".join(f"{name}: {why}" for name, why in sorted(self._troubles.items())) or None

    async def _follow(self) -> None:
        wanted = {
            (name, one.version): one for name, one in self.known.items() if isinstance(one, MappedSource) and one.pulls
        }
        gone = self._tasks.keys() - wanted.keys()
        await cancel_all([self._tasks.pop(key) for key in gone])
        for name, _ in gone:
            self._troubles.pop(name, None)
        for key, source in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = asyncio.create_task(self._kept(source))

    async def _kept(self, source: MappedSource) -> None:
        """Read a source; what it fails on is said, and tried again with a growing pause."""
        taker, pause = Taker(core=self.core, source=source), Backoff(PAUSE_S_MIN, PAUSE_S_MAX)

        def well(but: str = "") -> None:
            pause.reset()
            if but:
                self._troubles[source.name] = but
                return
            if self._troubles.pop(source.name, None):
                log.info("source_read_again", source=source.name)

        while True:
            try:
                await self._reading(source, taker, well)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this source's: the others go on
                if self._troubles.get(source.name) != cause_of(error):
                    log.warning("source_not_read", source=source.name, cause=cause_of(error))
                self._troubles[source.name] = cause_of(error)
                await asyncio.sleep(max(pause.pause_s(), error.after_s if isinstance(error, ListAway) else 0.0))

    def _reading(self, source: MappedSource, taker: "Taker", well: Callable[..., None]) -> Coroutine[Any, Any, None]:
        match source.map.transport:
            case PolledList() | FxiaokeObjects() as polled:
                return read_list(self.core, source, polled, taker, well)
            case KafkaTopic() as topic:
                return read_topic(self.core, source, topic, taker, well)
            case DroppedFiles() as files:
                return read_files(source, files, taker, well)
            case Mqtt() as mqtt:
                return read_mqtt(self.core, source, mqtt, taker, well)
            case _:
                raise AssertionError("a webhook is not read")


class Taker:
    """Takes documents in, as what waited on Kafka is taken in: decided in order, and what is refused is kept."""

    def __init__(self, core: Core, source: MappedSource) -> None:
        """Bind the stores."""
        self._source, self._codec, self._places = source, core.codec, count()
        dispatcher = replace(core.dispatcher, admit=DiskFloor(pool=core.pool).admit)
        self._handler = DispatchHandler(
            name=f"source {source.name}",
            translator=IntakeTranslator(codec=core.codec, sources={source.name: source}),
            dispatcher=dispatcher,
            refused=core.refused,
            know=core.schemas.know,
        )
        self._known = dict[str, None]()

    async def take(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """Take in documents, each with what it is known by; what was taken before is passed over.

        Raises StoreUnavailable, and InvariantBroken while most are refused: the map does not fit.
        """
        new = [(key, body) for key, body in dict(documents).items() if key not in self._known]
        for first in range(0, len(new), BATCH):
            batch = new[first : first + BATCH]
            await self._handler.dispatch([self._record(key, body) for key, body in batch])
            self._known.update(dict.fromkeys(key for key, _ in batch))
        while len(self._known) > KNOWN_MAX:
            self._known.pop(next(iter(self._known)))

    def _record(self, key: str, body: bytes) -> Record:
        source = self._source
        headers, trace_id = {MAP_VERSION: str(source.version)}, TraceId(token_hex(16))
        received = source.delivery(key, body, headers=headers, received_at=utc_now(), trace_id=trace_id)
        return Record(
            topic=f"source {source.name}",
            partition=0,
            offset=next(self._places),
            key=source.name.encode(),
            value=self._codec.encode_record(received),
            headers=(),
            timestamp_ms=int(received.received_at.timestamp() * 1000),
        )


def known_by(source: MappedSource, body: bytes) -> str:
    """Give what a document is known by; of one that cannot be read its digest, and what refuses it keeps it."""
    try:
        return source.delivery_id(body)
    except MalformedInput:
        return hashlib.sha256(body).hexdigest()


async def read_list(
    core: Core,
    source: MappedSource,
    polled: PolledList | FxiaokeObjects,
    taker: Taker,
    well: Callable[[], None],
) -> None:
    """Poll a list whenever it is due and this worker's turn. Raises ListAway, StoreUnavailable."""
    poller = _poller(source, polled)
    every = timedelta(seconds=polled.every_s)
    while True:
        since = await in_transaction(core.pool, cursors.take_turn, source.name, LEASE)
        if since is None:
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        try:
            until = since
            async for page in poller.pages(since):
                bodies = [orjson.dumps(one) for one in page.documents]
                await taker.take([(known_by(source, body), body) for body in bodies])
                until = max(until, page.changed_until or until)
            async with connected(core.pool) as connection:
                await cursors.note_read(connection, source.name, until)
            well()
        finally:
            with suppress(Transient):
                await in_transaction(core.pool, cursors.note_next, source.name, every)


def _poller(source: MappedSource, polled: PolledList | FxiaokeObjects) -> ListPoller | FxiaokePoller:
    where = f"map of {source.name}: transport"
    if isinstance(polled, FxiaokeObjects):
        return FxiaokePoller(polled, EnvironmentSecrets(environment=os.environ, where=f"{where}.account"))
    secrets = EnvironmentSecrets(environment=os.environ, where=f"{where}.login")
    return ListPoller(polled, source.map.documents, source.map.time, secrets)


async def read_topic(
    core: Core, source: MappedSource, topic: KafkaTopic, taker: Taker, well: Callable[[], None]
) -> None:
    """Read a topic in a group of the source's own; offsets are committed once records are taken in."""
    avro = ForeignAvro(core.settings) if topic.value == "avro" else None
    consumer = make_consumer(
        core.settings,
        topic.topic,
        group_id=f"{core.settings.namespace}.source.{source.name}",
        client_id=f"ticketbus source {source.name}",
        auto_offset_reset=topic.begin,
    )
    try:
        await consumer.start()
        while True:
            fetched = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
            records = [one for batch in fetched.values() for one in batch]
            values = [one.value or b"" for one in records]
            bodies = await avro.as_json(values) if avro else values
            places = [f"{one.topic}/{one.partition}/{one.offset}" for one in records]
            named = source.map.delivery_id is not None
            keys = [known_by(source, body) if named else place for place, body in zip(places, bodies, strict=True)]
            if records:
                await taker.take(list(zip(keys, bodies, strict=True)))
                await consumer.commit()
            well()
    finally:
        await stop_consumer(consumer)


async def read_files(source: MappedSource, files: DroppedFiles, taker: Taker, well: Callable[[], None]) -> None:
    """Take in the files of a directory; one that cannot be read moves aside, and is said."""
    while True:
        for path in await asyncio.to_thread(dropped_files.waiting, files):
            try:
                rows = await asyncio.to_thread(dropped_files.documents, path, files)
                await taker.take([(known_by(source, row), row) for row in rows])
            except dropped_files.FileUnreadable:
                await asyncio.to_thread(dropped_files.moved, path, dropped_files.FAILED)
                raise
            await asyncio.to_thread(dropped_files.moved, path, dropped_files.DONE)
        well()
        await asyncio.sleep(files.every_s)
