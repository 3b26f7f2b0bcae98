"""Judges the metrics and decides what follows, in one transaction: figures, tasks and their records (R27 to R32)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from bus.domain.text import Text
from bus.insight import task_store
from bus.insight.figures import read_figure
from bus.insight.groups import held_batches, repeated_causes
from bus.insight.integration import COMPARED, INTEGRATION, TwoWeeks, integration_seen
from bus.insight.metric import Metric, MetricWindow, window_of
from bus.insight.metrics.chase import CHASE
from bus.insight.metrics.cross_system import CROSS_SYSTEM
from bus.insight.metrics.recurrence import RECURRENCE
from bus.insight.paces import easy_pickers
from bus.insight.registry import METRICS
from bus.insight.task import SeenFigure, TaskKey, crossings, seen_in
from bus.insight.task_records import back_record, done_records, key_of, opened_records
from bus.insight.task_store import InsightTask
from bus.outbox.record import OutboxRecord, queue
from bus.postgres.advisory_locks import try_lock, wait_for_lock
from bus.postgres.pool import Connection
from schemas.insight_messages import InsightMessage
from schemas.topics import DECISIONS

Encode = Callable[[InsightMessage], bytes]

_ANEW: Final = frozenset(metric.consequence for metric in METRICS if metric.anew)
WEEKS_BACK: Final = timedelta(weeks=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightRound:
    """One look at all metrics, within a transaction: whatever ends it before its commit leaves nothing of it."""

    connection: Connection
    encode: Encode
    now: datetime
    dedupe_window: timedelta
    root_causes: Mapping[str, Text]

    async def judge_in_turn(self, every: timedelta) -> bool:
        """Judge, unless another worker does or has done so within `every`; says whether it did."""
        mine = await try_lock(self.connection, "insight")
        if not mine or await task_store.judged_lately(self.connection, every):
            return False
        await self.judge()
        return True

    async def judge(self) -> None:
        """Judge all metrics, and write each task that follows and each figure that is back; once each."""
        over = await task_store.over_now(self.connection)
        weeks = await task_store.week_figures(self.connection, (self.now - WEEKS_BACK).date())
        seen = list[SeenFigure]()
        for metric in METRICS:
            figure = await read_figure(
                self.connection, metric, await self._window(metric), over=TaskKey(metric.consequence) in over
            )
            await task_store.keep_judgement(self.connection, figure, self.now)
            seen += seen_in(metric, figure, weeks.get(metric.name, {}), self.now, over)
        month = window_of(RECURRENCE, self.now, self.dedupe_window, since=None, until=None)
        seen += await held_batches(self.connection, month, over)
        seen += await repeated_causes(self.connection, month, over)
        seen += await easy_pickers(self.connection, month, over)
        seen.append(await self._integration(over))
        found = crossings(seen, over.keys())
        for key, last in found.back.items():
            await task_store.note_back(self.connection, over[key].task, self.now)
            await self._publish(over[key], [back_record(over[key], last, self.now)])
        for one in found.over:
            task = await task_store.put(self.connection, one, self.now)
            await self._publish(task, opened_records(task, self.root_causes))

    async def end_task(self, task: int, *, by: str, why: str) -> InsightTask | None:
        """Note that a task is done; None: there is none of that number, or it was done before.

        Where the next case opens a new task, what was measured so far is back. A batch is released by its last task.
        """
        await wait_for_lock(self.connection, "insight")
        done = await task_store.note_done(self.connection, task, by=by, why=why, at=self.now)
        if done is None:
            return None
        held = await task_store.is_held_by_another(self.connection, done)
        records = [*done_records(done, self.now, released=not held)]
        if done.back_at is None and done.kind in _ANEW:
            await task_store.note_back(self.connection, task, self.now)
            records.append(back_record(done, None, self.now))
        await self._publish(done, records)
        return done

    async def _integration(self, over: Collection[TaskKey]) -> SeenFigure:
        chase, failures = [await self._two_weeks(metric) for metric in (CHASE, CROSS_SYSTEM)]
        return integration_seen(chase, failures, was=TaskKey(INTEGRATION) in over)

    async def _two_weeks(self, metric: Metric) -> TwoWeeks:
        ends = (self.now - 2 * COMPARED, self.now - COMPARED, self.now)
        windows = [MetricWindow(since=since, until=until, dedupe_window=self.dedupe_window)
                   for since, until in pairwise(ends)]  # fmt: skip
        before, now = [await read_figure(self.connection, metric, one) for one in windows]
        return TwoWeeks(before=before, now=now)

    async def _window(self, metric: Metric) -> MetricWindow:
        return await task_store.window_now(self.connection, metric, self.now, self.dedupe_window, never=self.now)

    async def _publish(self, task: InsightTask, messages: Sequence[InsightMessage]) -> None:
        records = [
            OutboxRecord(topic=DECISIONS, key=key_of(task, one), value=self.encode(one), timestamp=self.now)
            for one in messages
        ]
        await queue(self.connection, records)
