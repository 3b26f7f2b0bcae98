"""Messages on `bus.decisions` about what metrics lead to: tasks, and that a figure is back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

_Task = Annotated[int, Doc("the task's number, for good")]
_Kind = Annotated[str, Doc("the kind of task, as review or process_audit; docs/insight.md lists them")]
_About = Annotated[str, Doc("the part that it is about, as a root cause or a product and its batch; empty: all")]
_Metric = Annotated[str, Doc("what was measured, by name")]
_Units = Annotated[int, Doc("the denominator: how many cases there were")]
_Hits = Annotated[int, Doc("the numerator: how many of them count")]
_Since = Annotated[datetime, Doc("where the time that was looked at begins, UTC")]
_Until = Annotated[datetime, Doc("where it ends, UTC, itself not included")]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightTaskOpened:
    """A figure went over its threshold, and a task follows: once, until the figure is back."""

    task: _Task
    kind: _Kind
    about: _About
    metric: _Metric
    to: Annotated[str, Doc("who is to do it, in Chinese and English")]
    zh: Annotated[str, Doc("the figure and what is asked, in Chinese")]
    en: Annotated[str, Doc("the figure and what is asked, in English")]
    units: _Units
    hits: _Hits
    since: _Since
    until: _Until
    tickets: Annotated[tuple[str, ...], Doc("tickets that it is about, the first hundred; empty: `see` lists them")]
    causes: Annotated[tuple[str, ...], Doc("what is behind it in most cases, as the hops that failed; five at most")]
    see: Annotated[str, Doc("the command that lists its tickets")]
    opened_at: Annotated[datetime, Doc("when it was decided, UTC; also the record's timestamp")]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightFigureBack:
    """What was over its threshold is back. Its task stays until somebody has done it."""

    task: _Task
    kind: _Kind
    about: _About
    metric: _Metric
    units: _Units
    hits: _Hits
    since: _Since
    until: _Until
    back_at: Annotated[datetime, Doc("when that was seen, UTC; also the record's timestamp")]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightTaskDone:
    """Somebody ended a task."""

    task: _Task
    kind: _Kind
    about: _About
    metric: _Metric
    done_by: Annotated[str, Doc("who, by name")]
    done_why: Annotated[str, Doc("what was done about it, in their words")]
    done_at: Annotated[datetime, Doc("when, UTC; also the record's timestamp")]


_Product = Annotated[str, Doc("the product, as its tickets name it; empty: they name none")]
_Batch = Annotated[str, Doc("the batch, as its tickets name it")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductBatchHeld:
    """A product batch comes back too often: whoever ships it may hold it; no system is blocked by the bus."""

    task: _Task
    product: _Product
    batch: _Batch
    units: _Units
    hits: _Hits
    since: _Since
    until: _Until
    held_at: Annotated[datetime, Doc("when, UTC; also the record's timestamp")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductBatchReleased:
    """Somebody of quality has done the task of a held batch."""

    task: _Task
    product: _Product
    batch: _Batch
    released_by: Annotated[str, Doc("who, by name")]
    why: Annotated[str, Doc("what was done about it, in their words")]
    released_at: Annotated[datetime, Doc("when, UTC; also the record's timestamp")]


InsightMessage = InsightTaskOpened | InsightFigureBack | InsightTaskDone | ProductBatchHeld | ProductBatchReleased
