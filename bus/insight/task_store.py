"""Tasks that follow from figures, and how figures were judged, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, LiteralString

from bus.insight.metric import Metric, MetricFigure, MetricWindow, window_of
from bus.insight.task import SeenFigure, TaskKey, WeekFigure, week_of
from bus.postgres.pool import Connection, read_rows

TICKETS_MAX: Final = 100
_READ: Final[LiteralString] = """
SELECT task, kind, about, metric, units, hits, since, until, tickets, product, batch, causes,
    opened_at, back_at, done_at, done_by, done_why
FROM insight_tasks WHERE (%(task)s::bigint IS NULL OR task = %(task)s) AND (NOT %(over)s OR back_at IS NULL)
    AND (NOT %(open)s OR back_at IS NULL OR done_at IS NULL) ORDER BY task DESC LIMIT %(most)s"""
_PUT: Final[LiteralString] = """
INSERT INTO insight_tasks (kind, about, metric, units, hits, since, until, tickets, product, batch, causes,
    opened_at)
VALUES (%(kind)s, %(about)s, %(metric)s, %(units)s, %(hits)s, %(since)s, %(until)s, %(tickets)s, %(product)s, %(batch)s,
    %(causes)s, %(opened_at)s)
RETURNING task"""
_BACK: Final[LiteralString] = "UPDATE insight_tasks SET back_at = %s WHERE task = %s"
_DONE: Final[LiteralString] = """
UPDATE insight_tasks SET done_at = %s, done_by = %s, done_why = %s WHERE task = %s AND done_at IS NULL RETURNING task"""
_ANOTHER: Final[LiteralString] = """
SELECT EXISTS (SELECT FROM insight_tasks WHERE kind = %s AND about = %s AND task <> %s AND done_at IS NULL)"""
_BEGUN: Final[LiteralString] = """
SELECT coalesce((SELECT max(done_at) FROM insight_tasks WHERE kind = %(kind)s),
    (SELECT min(since) FROM metric_judgements WHERE metric = %(metric)s))"""
_MOMENT: Final = timedelta(microseconds=1)
_LATELY: Final[LiteralString] = """
SELECT EXISTS (SELECT FROM metric_judgements WHERE judged_at BETWEEN now() - %s::interval AND now())"""
_KEEP: Final[LiteralString] = """
INSERT INTO metric_judgements AS j (metric, week, since, until, units, hits, judgement)
VALUES (%(metric)s, %(week)s, %(since)s, %(until)s, %(units)s, %(hits)s, %(judgement)s)
ON CONFLICT (metric, week) DO UPDATE SET since = excluded.since, until = excluded.until, units = excluded.units,
    hits = excluded.hits, judgement = excluded.judgement, judged_at = now()"""
_WEEKS: Final[LiteralString] = "SELECT metric, week, units, hits FROM metric_judgements WHERE week > %s"
_LATEST: Final[LiteralString] = """
SELECT DISTINCT ON (metric) metric, since, until, units, hits, judgement, judged_at FROM metric_judgements
ORDER BY metric, judged_at DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightTask:
    """A task: the figure that it followed from, whether that is back, and who has done what about it."""

    task: int
    kind: str
    about: str
    metric: str
    units: int
    hits: int
    since: datetime
    until: datetime
    tickets: list[str]
    product: str
    batch: str
    causes: list[str]
    opened_at: datetime
    back_at: datetime | None
    done_at: datetime | None
    done_by: str
    done_why: str

    @property
    def key(self) -> TaskKey:
        """Give what it is for."""
        return TaskKey(self.kind, self.about)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptJudgement:
    """How a metric was judged last."""

    metric: str
    since: datetime
    until: datetime
    units: int
    hits: int
    judgement: str
    judged_at: datetime


async def tasks(connection: Connection, *, only_open: bool = False, most: int = 1_000) -> Sequence[InsightTask]:
    """List tasks, the newest first; open: the figure is not back, or nobody has done it."""
    return await _read(connection, open=only_open, most=most)


async def task_of(connection: Connection, task: int) -> InsightTask | None:
    """Give a task by its number."""
    found = await _read(connection, task=task)
    return found[0] if found else None


async def over_now(connection: Connection) -> Mapping[TaskKey, InsightTask]:
    """Give the tasks whose figure is not back."""
    return {one.key: one for one in await _read(connection, over=True)}


async def window_now(
    connection: Connection, metric: Metric, now: datetime, dedupe_window: timedelta, *, never: datetime | None = None
) -> MetricWindow:
    """Give the time that a metric is judged over; of one that begins anew what was dealt with counts no more.

    Nor does what failed before it was ever judged, or before `never` if it never was: an upgrade opens nothing for
    what is long mended.
    """
    usual = window_of(metric, now, dedupe_window, since=None, until=None)
    if not metric.anew:
        return usual
    asked = {"kind": metric.consequence, "metric": metric.name}
    ((begun,),) = await (await connection.execute(_BEGUN, asked)).fetchall()
    since = min(begun or never or usual.since, usual.until - _MOMENT)
    return replace(usual, since=max(usual.since, since))


async def put(connection: Connection, seen: SeenFigure, at: datetime) -> InsightTask:
    """Open a task."""
    values = {**asdict(seen), "kind": seen.key.kind, "about": seen.key.about}
    values |= {"tickets": [*seen.tickets[:TICKETS_MAX]], "causes": [*seen.causes], "opened_at": at}
    ((number,),) = await (await connection.execute(_PUT, values)).fetchall()
    [task] = await _read(connection, task=number)
    return task


async def note_back(connection: Connection, task: int, at: datetime) -> None:
    """Note that the figure of a task is back."""
    await connection.execute(_BACK, (at, task))


async def note_done(connection: Connection, task: int, *, by: str, why: str, at: datetime) -> InsightTask | None:
    """Note who has done a task; None: there is no such task, or it was done before."""
    ended = await (await connection.execute(_DONE, (at, by, why, task))).fetchall()
    return await task_of(connection, task) if ended else None


async def is_held_by_another(connection: Connection, done: InsightTask) -> bool:
    """Say whether another task for the same is not done."""
    ((held,),) = await (await connection.execute(_ANOTHER, (done.kind, done.about, done.task))).fetchall()
    return bool(held)


async def judged_lately(connection: Connection, within: timedelta) -> bool:
    """Say whether some worker has judged within so long a time, by PostgreSQL's clock."""
    ((lately,),) = await (await connection.execute(_LATELY, (within,))).fetchall()
    return bool(lately)


async def keep_judgement(connection: Connection, figure: MetricFigure, now: datetime) -> None:
    """Keep how a metric is judged in this week."""
    values = {name: getattr(figure, name) for name in ("metric", "since", "until", "units", "hits")}
    await connection.execute(_KEEP, {**values, "judgement": figure.judgement.value, "week": week_of(now)})


async def week_figures(connection: Connection, after: date) -> Mapping[str, Mapping[date, WeekFigure]]:
    """Give how metrics were judged in the weeks after a date."""
    found = dict[str, dict[date, WeekFigure]]()
    for one in await read_rows(connection, _WEEKS, WeekFigure, (after,)):
        found.setdefault(one.metric, {})[one.week] = one
    return found


async def latest_judgements(connection: Connection) -> Sequence[KeptJudgement]:
    """Give how each metric was judged last."""
    return await read_rows(connection, _LATEST, KeptJudgement)


async def _read(connection: Connection, **asked: int | bool) -> Sequence[InsightTask]:
    values = {"task": None, "over": False, "open": False, "most": None, **asked}
    return await read_rows(connection, _READ, InsightTask, values)
