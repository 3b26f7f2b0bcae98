"""Reads metrics for people and programs, one at a time: figures with what they mean, the tickets behind them, tasks."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import TypedDict

from bus.insight import task_store
from bus.insight.closure_report import ClosureReport, month_of, read_closure_report, read_counted_tickets
from bus.insight.consequences import CONSEQUENCES
from bus.insight.figures import MetricCase, read_cases, read_figure
from bus.insight.metric import Judgement, Metric, MetricFigure, MetricWindow, window_of
from bus.insight.selfcheck import Question, QuestionAnswer, answers
from bus.insight.task import TaskKey
from bus.insight.task_records import how_to_see
from bus.insight.task_store import InsightTask
from bus.postgres.pool import Pool, connected


class MetricText(TypedDict):
    """A text in both languages."""

    zh: str
    en: str


class MetricLimit(TypedDict):
    """Over beyond `limit`, until it is back at `back`; `below`: it is bad to be under it."""

    limit: float
    back: float
    below: bool


class MetricAnswer(TypedDict):
    """A metric within a time: `hits` of `units`, by cause; `left_out` cases are not known. `share` null: no case."""

    metric: str
    row: str
    title: MetricText
    definition: MetricText
    since: datetime
    until: datetime
    units: int
    hits: int
    share: float | None
    left_out: int
    causes: dict[str, int]
    judgement: Judgement
    threshold: MetricLimit | None
    consequence: str


class TaskAnswer(TypedDict):
    """A task that followed from a figure. `back_at` null: still over; `done_at` null: nobody has done it."""

    task: int
    kind: str
    about: str
    metric: str
    to: MetricText
    asked: MetricText
    units: int
    hits: int
    since: datetime
    until: datetime
    tickets: list[str]
    product: str
    batch: str
    causes: list[str]
    see: str
    opened_at: datetime
    back_at: datetime | None
    done_at: datetime | None
    done_by: str
    done_why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightReader:
    """Whoever asks waits for whoever asked before: a month is a second's work. Raises StoreUnavailable."""

    pool: Pool
    dedupe_window: timedelta
    now: Callable[[], datetime]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def figures(
        self, metrics: Sequence[Metric], since: datetime | None, until: datetime | None
    ) -> Sequence[MetricFigure]:
        """Read metrics within a time, or of late; what is over by itself is judged with what it was before."""
        async with self._turn, connected(self.pool) as connection:
            lately, now = since is until is None, self.now()
            over = await task_store.over_now(connection) if lately else {}
            return [
                await read_figure(
                    connection,
                    one,
                    await task_store.window_now(connection, one, now, self.dedupe_window)
                    if lately
                    else window_of(one, now, self.dedupe_window, since=since, until=until),
                    over=TaskKey(one.consequence) in over,
                )
                for one in metrics
            ]

    async def closures(self, first: datetime) -> ClosureReport:
        """Read the closure report of a month."""
        async with self._turn, connected(self.pool) as connection:
            return await read_closure_report(connection, month_of(first, self.dedupe_window))

    async def counted(self, first: datetime, section: str, code: str, *, most: int) -> Sequence[str]:
        """List so many of the tickets that a code of a month's report was counted for."""
        async with self._turn, connected(self.pool) as connection:
            month = month_of(first, self.dedupe_window)
            return await read_counted_tickets(connection, section, code, month, most=most)

    async def answered(self, questions: Sequence[Question], back: timedelta) -> Sequence[QuestionAnswer]:
        """Answer the questions of `selfcheck` by what happened within a time until now."""
        now = self.now()
        window = MetricWindow(since=now - back, until=now, dedupe_window=self.dedupe_window)
        async with self._turn, connected(self.pool) as connection:
            return await answers(connection, questions, window)

    async def cases(
        self, metric: Metric, since: datetime | None, until: datetime | None, *, most: int, hits: bool
    ) -> Sequence[MetricCase]:
        """Read so many cases of the numerator, or of the rest."""
        window = window_of(metric, self.now(), self.dedupe_window, since=since, until=until)
        async with self._turn, connected(self.pool) as connection:
            return await read_cases(connection, metric, window, most=most, hits=hits)

    async def tasks(self, *, only_open: bool, most: int) -> Sequence[InsightTask]:
        """List tasks, the newest first."""
        async with connected(self.pool) as connection:
            return await task_store.tasks(connection, only_open=only_open, most=most)


def metric_answer(metric: Metric, figure: MetricFigure) -> MetricAnswer:
    """Show a figure with what it means. Pure."""
    limit = metric.threshold
    return MetricAnswer(
        metric=metric.name,
        row=metric.row,
        title=MetricText(zh=metric.title.zh, en=metric.title.en),
        definition=MetricText(zh=metric.definition.zh, en=metric.definition.en),
        since=figure.since,
        until=figure.until,
        units=figure.units,
        hits=figure.hits,
        share=figure.share,
        left_out=figure.left_out,
        causes=figure.causes,
        judgement=figure.judgement,
        threshold=MetricLimit(limit=limit.limit, back=limit.back, below=limit.below) if limit else None,
        consequence=metric.consequence,
    )


def task_answer(task: InsightTask) -> TaskAnswer:
    """Show a task: whose it is, what is asked, and how to see its tickets. Pure."""
    consequence = CONSEQUENCES[task.kind]
    return TaskAnswer(
        task=task.task,
        kind=task.kind,
        about=task.about,
        metric=task.metric,
        to=MetricText(zh=consequence.to.zh, en=consequence.to.en),
        asked=MetricText(zh=consequence.task.zh, en=consequence.task.en),
        units=task.units,
        hits=task.hits,
        since=task.since,
        until=task.until,
        tickets=task.tickets,
        product=task.product,
        batch=task.batch,
        causes=task.causes,
        see=how_to_see(task),
        opened_at=task.opened_at,
        back_at=task.back_at,
        done_at=task.done_at,
        done_by=task.done_by,
        done_why=task.done_why,
    )
