"""Runs one stage: Faust delivers, the runner applies, and whatever is missing or far behind is read directly."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import faust
import structlog

from bus.errors import InvariantBroken, Transient
from bus.log.reader import LogReader
from bus.log.record import Record
from bus.postgres.pool import Pool, connected
from bus.stage import metrics, offsets
from bus.stage.faust_app import assigned, make_app, skip_to
from bus.stage.handler import Handler, Stage
from bus.stage.runner import Runner
from bus.waiting import unless, wait

FAR = 2_000  # records; further behind than this, a handler is caught up by direct reads
LOOK_EVERY_S = 1.0
RETRY_S_MAX = 5.0
START_S_MAX = 30.0
STEADY_S = 60.0  # who ran this long begins again with the shortest pause
DELIVERY_S_MAX = 60.0  # then the records are left to catching up, so that the agent never stands for ever
STOP_S_MAX = 8.0

log = structlog.get_logger()


class StageWorker:
    """One stage in this process. `run` returns soon after `stopping` is set, whatever is away then."""

    def __init__(
        self, stage: Stage, *, runner: Runner, pool: Pool, reader: LogReader, kafka: Mapping[str, Any]
    ) -> None:
        self._stage, self._runner, self._pool, self._reader, self._kafka = stage, runner, pool, reader, kafka
        self._wanted: set[int] = set()
        self._look = asyncio.Event()
        self._stopping = asyncio.Event()
        self._seen: dict[tuple[str, int], int] = {}
        self._revived = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set; starts anew, with a growing pause, when Kafka is away or the App crashes."""
        self._stopping = stopping
        pause = 0.5
        while not stopping.is_set():
            began = monotonic()
            try:
                # Asked first with a plain consumer: an App that finds no broker fails for good and leaves things open.
                await unless(stopping, self._broker_answers())
                if not stopping.is_set():
                    await self._run_app(stopping)
            except Exception as error:  # noqa: BLE001 - a stage that fails starts anew, whatever it was
                log.warning("stage_restarts", stage=self._stage.name, error=f"{type(error).__name__}: {error}")
            pause = 0.5 if monotonic() - began > STEADY_S else min(pause * 2, RETRY_S_MAX)
            await wait(stopping, pause)

    async def _broker_answers(self) -> None:
        await self._reader.ends(self._stage.topic, [0])

    async def _run_app(self, stopping: asyncio.Event) -> None:
        with tempfile.TemporaryDirectory(prefix="ticketbus-stage-") as data:
            app = make_app(self._stage, kafka=self._kafka, data=Path(data), deliver=self._deliver)
            try:
                async with asyncio.timeout(START_S_MAX):
                    await unless(stopping, app.start())
                log.info("stage_started", stage=self._stage.name, group=self._stage.group)
                await self._until_stopped(app, stopping)
            finally:
                await self._stop(app)

    async def _until_stopped(self, app: faust.App, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            if app.should_stop:
                raise InvariantBroken(f"the App stopped by itself: {app.crash_reason!r}")
            self._look.clear()
            try:
                await unless(stopping, self._look_after(app))
            except Transient as error:
                metrics.AWAY.labels(self._stage.name).inc()
                log.warning("stage_waits", stage=self._stage.name, error=str(error))
            await unless(stopping, wait(self._look, LOOK_EVERY_S))

    async def _look_after(self, app: faust.App) -> None:
        """Catch up what is far behind, has a gap, or does not move although the log goes on."""
        topic, partitions = self._stage.topic, assigned(app, self._stage.topic)
        wanted, self._wanted = self._wanted & partitions, set()
        self._forget(partitions)
        if not partitions:
            return
        names = [handler.name for handler in self._stage.handlers]
        async with connected(self._pool) as connection:
            await offsets.begin(connection, names, topic, sorted(partitions))
            if not self._revived:  # a fresh start is a fresh try
                await offsets.revive(connection, names)
                self._revived = True
            rows = [one for one in await offsets.standing(connection, names) if one.partition in partitions]
        ends = await self._reader.ends(topic, partitions)
        for partition in sorted(partitions):
            here = [row for row in rows if row.partition == partition]
            calls = [await self._look_at(row, ends[partition]) for row in here]
            if any(calls) or partition in wanted:
                await self._catch_up(app, partition, ends[partition])

    async def _look_at(self, row: offsets.Standing, end: int) -> bool:
        """Tell the lag, stop a handler that the log ends before, and answer whether it is to be caught up."""
        place, lag = (row.handler, row.partition), end - row.next_offset
        self._runner.heed(row)
        metrics.LAG.labels(row.handler, row.partition).set(max(lag, 0))
        stands, self._seen[place] = self._seen.get(place) == row.next_offset, row.next_offset
        if self._runner.stopped(*place):
            return False
        if lag < 0:
            why = f"the log ends at {end}, before what took effect: was the topic made anew? rebuild {row.handler}"
            await self._runner.stop(*place, row.next_offset, InvariantBroken(why))
        return lag > FAR or (lag > 0 and stands)

    async def _catch_up(self, app: faust.App, partition: int, end: int) -> None:
        """Read directly for every handler, so that all stand where the App then goes on."""
        for handler in self._stage.handlers:
            done = await self._runner.catch_up(handler, partition, end)
            if done > FAR:
                log.info("stage_caught_up", handler=handler.name, partition=partition, records=done)
        await skip_to(app, self._stage.topic, partition, end)

    def _forget(self, partitions: set[int]) -> None:
        """Stop telling the lag of partitions that another worker has now."""
        for place in [place for place in self._seen if place[1] not in partitions]:
            del self._seen[place]
            metrics.LAG.remove(*place)

    async def _deliver(self, records: Sequence[Record]) -> None:
        """Apply a micro-batch; never raises, returns in time."""
        try:
            for handler in self._stage.handlers:
                missing = await self._patiently(handler, records)
                self._wanted |= missing  # read only now: it is emptied elsewhere during the wait
        except Exception:
            log.exception("stage_delivery_failed", stage=self._stage.name)
        if self._wanted:
            self._look.set()

    async def _patiently(self, handler: Handler, records: Sequence[Record]) -> set[int]:
        """Try until PostgreSQL takes them; what cannot be waited for is left to catching up."""
        until, pause = monotonic() + DELIVERY_S_MAX, 0.1
        while True:
            try:
                return await self._runner.take(handler, records)
            except Transient as error:
                metrics.AWAY.labels(self._stage.name).inc()
                log.warning("stage_waits", stage=self._stage.name, error=str(error))
            if self._stopping.is_set() or monotonic() > until:
                return {record.partition for record in records}
            await wait(self._stopping, pause)
            pause = min(pause * 2, RETRY_S_MAX)

    async def _stop(self, app: faust.App) -> None:
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await app.stop()
        except Exception as error:  # noqa: BLE001 - what is being left behind cannot hold the program up
            log.warning("stage_stop_failed", stage=self._stage.name, error=f"{type(error).__name__}: {error}")
