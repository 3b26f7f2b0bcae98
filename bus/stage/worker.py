"""Runs one stage: Faust delivers, the runner applies, and whatever is missing or far behind is read directly."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import faust
import structlog

from bus.aio import unless, wait
from bus.domain.errors import InvariantBroken, Transient
from bus.kafka.range_reader import RangeReader
from bus.postgres.pool import Pool, connected
from bus.stage import metrics, offsets
from bus.stage.faust_app import assigned, make_app, skip_to
from bus.stage.handler import Handler, Stage
from bus.stage.runner import Runner, together
from bus.wire.record import Record

FAR = 500  # records; further behind than this, a stage reads directly: that costs a fraction of a delivery
NEAR = 1_000  # records of a partition; a handler further behind than the others is caught up apart from them
STRETCH = 2_000  # records of a partition that such a handler is brought nearer between two looks
LOOK_EVERY_S = 1.0
RETRY_S_MAX = 5.0
START_S_MAX = 30.0
STEADY_S = 60.0  # who ran this long begins again with the shortest pause
DELIVERY_S_MAX = 60.0  # then the records are left to catching up, so that the agent never stands for ever
STOP_S_MAX = 8.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Going:
    """How a handler that is not stopped stands; stuck if it has not moved although there is something to do."""

    row: offsets.HandlerPosition
    lag: int
    stuck: bool


class StageWorker:
    """One stage in this process. `run` returns soon after `stopping` is set, whatever is away then."""

    def __init__(
        self, stage: Stage, *, runner: Runner, pool: Pool, reader: RangeReader, kafka: Mapping[str, Any]
    ) -> None:
        self._stage, self._runner, self._pool, self._reader, self._kafka = stage, runner, pool, reader, kafka
        self._wanted: set[int] = set()
        self._slow, self._nearing = frozenset[str](), False
        self._look, self._looked = asyncio.Event(), asyncio.Event()
        self._stopping = asyncio.Event()
        self._seen: dict[tuple[str, int], tuple[int, float]] = {}
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
        app = make_app(self._stage, kafka=self._kafka, deliver=self._deliver)
        try:
            async with asyncio.timeout(START_S_MAX):
                await unless(stopping, app.start())
            log.info("stage_started", stage=self._stage.name, group=self._stage.group)
            await self._until_stopped(app, stopping)
        finally:
            await self._stop(app)

    async def _until_stopped(self, app: faust.App, stopping: asyncio.Event) -> None:
        try:
            while not stopping.is_set():
                if app.should_stop:
                    raise InvariantBroken(f"the App stopped by itself: {app.crash_reason!r}")
                self._look.clear()
                try:
                    await unless(stopping, self._look_after(app))
                except Transient as error:
                    metrics.AWAY.labels(self._stage.name).inc()
                    log.warning("stage_waits", stage=self._stage.name, error=str(error))
                    await wait(stopping, LOOK_EVERY_S)
                self._looked.set()
                await unless(stopping, wait(self._look, LOOK_EVERY_S))
        finally:  # whoever waits for a look waits no longer
            self._wanted.clear()
            self._looked.set()

    async def _look_after(self, app: faust.App) -> None:
        """Catch up what is far behind, has a gap, or does not move although the log goes on."""
        topic, partitions = self._stage.topic, assigned(app, self._stage.topic)
        wanted, self._wanted = self._wanted & partitions, set()
        self._forget(partitions)
        if not partitions:
            return
        try:
            rows = await self._standing(partitions)
            ends = await self._reader.ends(topic, partitions)
        except Transient:
            self._wanted |= wanted
            raise
        going = [found for row in rows if (found := await self._look_at(row, ends[row.partition]))]
        self._slow = _slow(going)
        lags = Counter[str]()
        for one in (fast := [one for one in going if one.row.handler not in self._slow]):
            lags[one.row.handler] += one.lag
        far = max(lags.values(), default=0) > FAR
        if due := partitions if far else wanted | {one.row.partition for one in fast if one.stuck}:
            await self._catch_up(app, {partition: ends[partition] for partition in due})
        if self._slow:
            await self._bring_nearer([one.row for one in going], ends)

    async def _standing(self, partitions: set[int]) -> list[offsets.HandlerPosition]:
        names = [handler.name for handler in self._stage.handlers]
        async with connected(self._pool) as connection:
            await offsets.begin(connection, names, self._stage.topic, sorted(partitions))
            if not self._revived:  # a fresh start is a fresh try
                await offsets.revive(connection, names)
                self._revived = True
            return [one for one in await offsets.standing(connection, names) if one.partition in partitions]

    async def _look_at(self, row: offsets.HandlerPosition, end: int) -> _Going | None:
        """Tell the lag, and stop a handler that the log ends before; None for one that is stopped."""
        place, lag, now = (row.handler, row.partition), end - row.next_offset, monotonic()
        self._runner.heed(row)
        metrics.LAG.labels(*place).set(max(lag, 0))
        at, since = self._seen.get(place, (-1, now))
        self._seen[place] = (row.next_offset, since if at == row.next_offset else now)
        if self._runner.stopped(*place):
            return None
        if lag < 0:
            why = offsets.ENDS_BEFORE.format(end=end, handler=row.handler)
            await self._runner.stop(*place, row.next_offset, InvariantBroken(why))
            return None
        return _Going(row=row, lag=lag, stuck=lag > 0 and at == row.next_offset and now - since >= LOOK_EVERY_S)

    async def _catch_up(self, app: faust.App, ends: Mapping[int, int]) -> None:
        """Read directly for all handlers but the slow ones, so that they stand where the App then goes on."""
        topic = self._stage.topic
        read = await self._runner.catch_up(self._fast(), ends)
        if read > FAR:
            log.info("stage_caught_up", stage=self._stage.name, partitions=sorted(ends), records=read)
        now = await self._reader.ends(topic, ends)
        if sum(now[partition] - end for partition, end in ends.items()) > FAR:
            self._wanted |= ends.keys()  # so much came meanwhile that the App would only fall behind
            self._look.set()
        else:
            await skip_to(app, topic, ends)

    async def _bring_nearer(self, rows: Sequence[offsets.HandlerPosition], ends: Mapping[int, int]) -> None:
        """Bring slow handlers a stretch nearer to the others, for which no delivery waits; then look again."""
        self._nearing = True
        self._looked.set()
        try:
            for handler in self._stage.handlers:
                if handler.name in self._slow:
                    stands = {row.partition: row.next_offset for row in rows if row.handler == handler.name}
                    await self._runner.catch_up([handler], {p: min(at + STRETCH, ends[p]) for p, at in stands.items()})
        finally:
            self._nearing = False
            self._look.set()

    def _fast(self) -> list[Handler]:
        return [handler for handler in self._stage.handlers if handler.name not in self._slow]

    def _forget(self, partitions: set[int]) -> None:
        """Stop telling the lag of partitions that another worker has now."""
        for place in [place for place in self._seen if place[1] not in partitions]:
            del self._seen[place]
            metrics.LAG.remove(*place)

    async def _deliver(self, records: Sequence[Record], unread: int) -> None:
        """Apply a micro-batch; never raises, returns in time. Holds the App back while direct reads overtake it."""
        try:
            if unread > FAR and not self._nearing:
                self._wanted |= {record.partition for record in records}
            else:
                for missing in await together(self._patiently(handler, records) for handler in self._fast()):
                    self._wanted |= missing  # read only now: it is emptied elsewhere during the wait
            await self._hold()
        except Exception:
            log.exception("stage_delivery_failed", stage=self._stage.name)

    async def _hold(self) -> None:
        """Wait until a look has seen to what is wanted, but not for ever."""
        until = monotonic() + DELIVERY_S_MAX
        while self._wanted and not self._nearing and not self._stopping.is_set() and monotonic() < until:
            self._looked.clear()
            self._look.set()
            await unless(self._stopping, wait(self._looked, until - monotonic()))

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
        """Stop the App, or leave it behind: its stop() may swallow a cancellation, so nobody waits for that."""
        stopping = asyncio.ensure_future(app.stop())
        await asyncio.wait({stopping}, timeout=STOP_S_MAX)
        error = stopping.exception() if stopping.done() and not stopping.cancelled() else None
        if error or not stopping.done():
            stopping.cancel()
            why = f"{type(error).__name__}: {error}" if error else f"no end in {STOP_S_MAX:.0f} s"
            log.warning("stage_stop_failed", stage=self._stage.name, error=why)


def _slow(going: Sequence[_Going]) -> frozenset[str]:
    """Name the handlers that are far behind others of their stage: being rebuilt, or new."""
    least = dict[int, int]()
    for one in going:
        least[one.row.partition] = min(one.lag, least.get(one.row.partition, one.lag))
    return frozenset(one.row.handler for one in going if one.lag > least[one.row.partition] + NEAR)
