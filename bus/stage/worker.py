"""Runs one stage: Faust delivers, `plan` decides, the runner applies records or reads the log directly."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, assert_never
from uuid import UUID

import faust
import structlog

from bus.aio import Backoff, cancellation_as_error, unless, wait
from bus.alerts.alert import AlertSink
from bus.domain.errors import InvariantBroken, KafkaUnavailable, Transient
from bus.kafka.range_reader import RangeReader
from bus.postgres.heartbeats import STARTING
from bus.postgres.pool import Pool, connected
from bus.stage import metrics, offsets
from bus.stage.faust_app import Batch, assigned, make_app, skip_to
from bus.stage.handler import Handler, Stage
from bus.stage.plan import FAR, NEAR, CatchUp, Deliver, Position, Wait, far_behind, plan
from bus.stage.runner import Runner, side_by_side
from bus.stage.stall import Stall
from bus.wire.record import Record

STRETCH = 2_000  # records of a partition that a handler apart is brought nearer between two looks at its lag
LOOK_S_MIN, LOOK_S_MAX = 1.0, 2.0  # the pause between two looks, at work and at rest
RETRY_S_MIN, RETRY_S_MAX = 0.1, 5.0
START_S_MAX = 30.0
STEADY_S = 10.0  # an App that ran this long is no restart: the next pause is the shortest
DELIVERY_S_MAX = 60.0  # then the records are left to catching up, so that the agent never stands for ever
STOP_S_MAX = 8.0

log = structlog.get_logger()


class StageWorker:
    """One stage in this process. `run` returns soon after `stopping` is set, also while a store is away."""

    def __init__(
        self,
        stage: Stage,
        *,
        runner: Runner,
        pool: Pool,
        reader: RangeReader,
        kafka: Mapping[str, Any],
        report: AlertSink,
    ) -> None:
        self._stage, self._runner, self._pool, self._reader, self._kafka = stage, runner, pool, reader, kafka
        self._stall = Stall(stage=stage, pool=pool, report=report, held=lambda: {p for _, p in runner.positions})
        self._looked = False
        self._inbox = asyncio.Queue[Batch]()
        self._apart: dict[str, asyncio.Task[None]] = {}
        self._ends: Mapping[int, int] = {}  # of the partitions, at the last look
        self._revived = False

    def trouble(self) -> str | None:
        """Say what keeps the stage from its work, as far as this process knows; None while it works."""
        if self._stall.why or not self._looked:
            return self._stall.why or STARTING
        return "; ".join(self._runner.stops()) or None

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set; starts anew, with a growing pause, when Kafka is away or the App crashes."""
        pause = Backoff(1.0, RETRY_S_MAX)
        while not stopping.is_set():
            began = monotonic()
            try:
                # A call into the App's thread that ends meanwhile looks cancelled to who waits for its answer.
                with cancellation_as_error():
                    # Asked first with a plain consumer: an App that finds no broker fails for good.
                    await unless(stopping, self._topic_id())
                    if not stopping.is_set():
                        await self._run_app(stopping)
            except Exception as error:  # noqa: BLE001 - a stage that fails starts anew, whatever it was
                log.warning("stage_restarts", stage=self._stage.name, error=f"{type(error).__name__}: {error}")
                await self._stall.failed(error)
            self._looked = False
            if monotonic() - began > STEADY_S:
                pause.reset()
            await wait(stopping, pause.pause_s())

    async def _run_app(self, stopping: asyncio.Event) -> None:
        if not self._revived:  # the start of a worker is a fresh try, the end of an outage is none
            async with connected(self._pool) as connection:
                await offsets.revive(connection, [handler.name for handler in self._stage.handlers])
            self._revived = True
        app = make_app(self._stage, kafka=self._kafka, deliver=partial(self._deliver, stopping))
        try:
            async with asyncio.timeout(START_S_MAX):
                await unless(stopping, app.start())
            log.info("stage_started", stage=self._stage.name, group=self._stage.group)
            await self._work(app, stopping)
        finally:
            apart = list(self._apart.values())
            for task in apart:
                task.cancel()
            await asyncio.gather(*apart, return_exceptions=True)
            await self._stop(app)

    async def _deliver(self, stopping: asyncio.Event, batch: Batch) -> None:
        """Hold the App back until a batch is done with, but not for ever."""
        self._inbox.put_nowait(batch)
        await unless(stopping, wait(batch.done, DELIVERY_S_MAX))
        batch.done.set()

    async def _work(self, app: faust.App, stopping: asyncio.Event) -> None:
        """Plan and act, for each batch and every second or two; waits while a store is away."""
        pause, look, look_at = Backoff(RETRY_S_MIN, RETRY_S_MAX), Backoff(LOOK_S_MIN, LOOK_S_MAX), 0.0
        batch: Batch | None = None
        steady_at = monotonic() + STEADY_S
        while not stopping.is_set():
            if app.should_stop:
                raise InvariantBroken(f"the App stopped by itself: {app.crash_reason!r}")
            try:
                if batch is None or batch.done.is_set():
                    batch = await unless(stopping, self._next(look_at - monotonic()))
                if monotonic() >= look_at or (batch and self._new(batch)):
                    nothing_waits = await unless(stopping, self._look(app))
                    look_at = monotonic() + look.pause_s()
                    if nothing_waits and monotonic() >= steady_at:
                        await self._stall.got_on()
                if batch:
                    look.reset()
                    await unless(stopping, self._advance(app, batch.ends, batch.unread, batch.records))
                    batch.done.set()
                    await self._stall.got_on()
                pause.reset()
            except Transient as error:
                metrics.AWAY.labels(self._stage.name).inc()
                log.warning("stage_waits", stage=self._stage.name, error=str(error))
                await self._stall.failed(error)
                await wait(stopping, pause.pause_s())

    async def _next(self, seconds: float) -> Batch | None:
        try:
            async with asyncio.timeout(seconds):
                return await self._inbox.get()
        except TimeoutError:
            return None

    def _new(self, batch: Batch) -> bool:
        """Say whether a batch is of a partition that was assigned since the last look."""
        return any((one.name, p) not in self._runner.positions for one in self._stage.handlers for p in batch.ends)

    async def _look(self, app: faust.App) -> bool:
        """Read the handlers' positions from the stores, then catch up with records that were not delivered.

        Gives whether no record waits that a handler could take.
        """
        partitions, before = assigned(app, self._stage.topic), self._ends
        self._forget_all_but(partitions)
        topic_id = await self._topic_id()  # asked without partitions, too: those of a topic that is gone are nobody's
        if not partitions:
            self._looked = True
            return True
        rows = await self._read_rows(partitions, topic_id)
        ends = self._ends = await self._reader.ends(self._stage.topic, partitions)
        await self._stall.heed(rows)
        for row in rows:
            lag = ends[row.partition] - row.next_offset
            self._runner.heed(row)
            metrics.LAG.labels(row.handler, row.partition).set(max(lag, 0))
            why = offsets.misplaced(row, topic_id, ends[row.partition])
            if why and not self._runner.stopped(row.handler, row.partition):
                await self._runner.stop(row.handler, row.partition, row.next_offset, InvariantBroken(why))
        for name in far_behind(self._positions(), ends):
            self._set_apart(app, name)
        await self._advance(app, ends, before)
        self._looked = True
        return all(one.next_offset >= ends.get(one.partition, 0) for one in self._positions())

    async def _topic_id(self) -> UUID:
        """Give the id of the stage's topic. Raises KafkaUnavailable, also when there is no such topic."""
        found = await self._reader.topic_id(self._stage.topic)
        if found is None:
            raise KafkaUnavailable(offsets.no_topic(self._stage.topic))
        return found

    async def _read_rows(self, partitions: Collection[int], topic_id: UUID) -> list[offsets.HandlerPosition]:
        """Read the rows of these partitions; handlers start at 0 on those that they never saw."""

        async def read() -> list[offsets.HandlerPosition]:
            return [row for row in await offsets.positions(connection, names) if row.partition in partitions]

        names = [handler.name for handler in self._stage.handlers]
        async with connected(self._pool) as connection:
            rows = await read()
            if len(rows) < len(names) * len(partitions) or any(row.topic_id is None for row in rows):
                await offsets.begin(connection, names, self._stage.topic, sorted(partitions))
                await offsets.adopt(connection, names, topic_id)
                rows = await read()
        return rows

    def _positions(self) -> list[Position]:
        """Give the positions of the handlers that are near each other and not stopped."""
        near = {handler.name for handler in self._near()}
        return [
            Position(handler=handler, partition=partition, next_offset=next_offset)
            for (handler, partition), next_offset in self._runner.positions.items()
            if handler in near and not self._runner.stopped(handler, partition)
        ]

    def _near(self) -> list[Handler]:
        return [handler for handler in self._stage.handlers if handler.name not in self._apart]

    async def _advance(
        self, app: faust.App, ends: Mapping[int, int], unread: Mapping[int, int], records: Sequence[Record] = ()
    ) -> None:
        """Carry out the plan, with the records at hand if there are any."""
        here = assigned(app, self._stage.topic)
        match plan(self._positions(), ends, here, unread, at_hand=bool(records)):
            case Deliver():
                if missing := await self._take(app, records):
                    await self._catch_up(app, missing)
            case CatchUp(partitions=partitions):
                await self._catch_up(app, partitions)
            case Wait():
                return
            case unknown:
                assert_never(unknown)

    async def _take(self, app: faust.App, records: Sequence[Record]) -> set[int]:
        """Give the handlers records side by side; answers the partitions of which some are missing."""
        takes = {handler.name: self._runner.take(handler, records) for handler in self._near()}
        return set[int]().union(*(await side_by_side(takes, partial(self._set_apart, app))).values())

    async def _catch_up(self, app: faust.App, partitions: Collection[int]) -> None:
        """Catch up the handlers that are near each other, to where the App then goes on."""
        topic, more, ends = self._stage.topic, FAR + 1, await self._reader.ends(self._stage.topic, partitions)
        while more > FAR:  # so much came meanwhile that the App would only fall behind
            read = await self._runner.catch_up(self._near(), ends, leave=partial(self._set_apart, app))
            if read > FAR:
                log.info("stage_caught_up", stage=self._stage.name, partitions=sorted(ends), records=read)
            until, ends = ends, await self._reader.ends(topic, partitions)
            more = sum(end - until[partition] for partition, end in ends.items())
        await skip_to(app, topic, until)

    def _set_apart(self, app: faust.App, name: str, busy: asyncio.Task[Any] | None = None) -> None:
        """Catch a handler up in a task of its own, when what it is `busy` with ends: it holds no other up."""
        (handler,) = (one for one in self._stage.handlers if one.name == name)
        task = self._apart[name] = asyncio.create_task(self._bring_near(app, handler, busy))
        task.add_done_callback(lambda _: self._apart.pop(name))

    async def _bring_near(self, app: faust.App, handler: Handler, busy: asyncio.Task[Any] | None) -> None:
        """Catch up one handler alone, a range at a time, until it is near the end of the log."""
        log.info("handler_apart", stage=self._stage.name, handler=handler.name, late=busy is not None)
        topic, reader, lag = self._stage.topic, self._reader.another(), NEAR + 1
        try:
            if busy:
                await busy
            while lag > NEAR:
                ends = await reader.ends(topic, assigned(app, topic))
                going = {p: end for p, end in ends.items() if not self._runner.stopped(handler.name, p)}
                lags = {p: end - self._runner.positions.get((handler.name, p), 0) for p, end in going.items()}
                lag = sum(lags.values())
                reach = {p: end - max(lags[p] - STRETCH, 0) for p, end in going.items()}
                await self._runner.catch_up([handler], reach, reader=reader)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next look finds it far behind, or not
            log.warning("stage_waits", stage=self._stage.name, handler=handler.name, error=str(error))
        finally:
            await reader.close()

    def _forget_all_but(self, partitions: Collection[int]) -> None:
        """Drop positions and gauges of partitions that another worker has now."""
        for place in [place for place in self._runner.positions if place[1] not in partitions]:
            self._runner.forget(place)
            for gauge in (metrics.LAG, metrics.STOPPED):
                with suppress(KeyError):
                    gauge.remove(*place)

    async def _stop(self, app: faust.App) -> None:
        """Stop the App, or abandon it: its stop() may swallow a cancellation, so it is not waited for."""
        stopping = asyncio.ensure_future(app.stop())
        await asyncio.wait({stopping}, timeout=STOP_S_MAX)
        error = stopping.exception() if stopping.done() and not stopping.cancelled() else None
        if error or not stopping.done():
            stopping.cancel()
            why = f"{type(error).__name__}: {error}" if error else f"no end in {STOP_S_MAX:.0f} s"
            log.warning("stage_stop_failed", stage=self._stage.name, error=why)
