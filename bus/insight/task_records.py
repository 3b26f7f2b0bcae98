"""The records of a task on bus.decisions, and its texts. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bus.domain.text import Text
from bus.insight.consequences import CONSEQUENCES
from bus.insight.groups import BATCH_HELD, IMPROVEMENT
from bus.insight.integration import INTEGRATION
from bus.insight.metric import Metric, Threshold
from bus.insight.paces import EASY_TICKETS
from bus.insight.registry import metric_of
from bus.insight.task import SeenFigure
from bus.insight.task_store import InsightTask
from schemas.insight_messages import (
    InsightFigureBack,
    InsightMessage,
    InsightTaskDone,
    InsightTaskOpened,
    ProductBatchHeld,
    ProductBatchReleased,
)


def key_of(task: InsightTask, message: InsightMessage) -> str:
    """Give the key of a record: the task's, and of a batch its own, so that the last of it says how it stands."""
    if isinstance(message, ProductBatchHeld | ProductBatchReleased):
        return f"product_batch:{task.about}"
    return f"{task.kind}:{task.task}"


def how_to_see(task: InsightTask) -> str:
    """Give the command that lists the tickets behind a task; empty where the task lists them itself."""
    if task.kind in (IMPROVEMENT, EASY_TICKETS, BATCH_HELD):
        return ""
    metric = metric_of(task.metric)
    others = " --others" if metric.threshold and metric.threshold.below else ""
    since, until = (one.astimezone(UTC).isoformat() for one in (task.since, task.until))
    return f"ticketbus insight why {metric.name} --since {since} --until {until}{others}"


def about_text(task: InsightTask, root_causes: Mapping[str, Text]) -> Text:
    """Name the part that is measured for people: a root cause by its words."""
    if task.kind != IMPROVEMENT:
        return Text(task.about, task.about)
    code, slash, batch = task.about.partition(" / ")
    words = root_causes.get(code) or Text(code, code)
    return Text(f"{words.zh}{slash}{batch}", f"{words.en}{slash}{batch}")


def opened_records(task: InsightTask, root_causes: Mapping[str, Text]) -> Sequence[InsightMessage]:
    """Say that a task is open, and of a product batch that it is held."""
    consequence, figure = CONSEQUENCES[task.kind], _figure_text(task, root_causes)
    opened = InsightTaskOpened(
        task=task.task,
        kind=task.kind,
        about=_about(task),
        metric=task.metric,
        to=str(consequence.to),
        zh=f"{figure.zh}:{consequence.task.zh}",
        en=f"{figure.en}: {consequence.task.en}",
        units=task.units,
        hits=task.hits,
        since=task.since,
        until=task.until,
        tickets=tuple(task.tickets),
        causes=tuple(task.causes),
        see=how_to_see(task),
        opened_at=task.opened_at,
    )
    if task.kind != BATCH_HELD:
        return [opened]
    held = ProductBatchHeld(
        task=task.task,
        product=task.product,
        batch=task.batch,
        units=task.units,
        hits=task.hits,
        since=task.since,
        until=task.until,
        held_at=task.opened_at,
    )
    return [opened, held]


def back_record(task: InsightTask, last: SeenFigure | None, now: datetime) -> InsightMessage:
    """Say that the figure of a task is back; without a figure no case of it is left."""
    return InsightFigureBack(
        task=task.task,
        kind=task.kind,
        about=_about(task),
        metric=task.metric,
        units=last.units if last else 0,
        hits=last.hits if last else 0,
        since=last.since if last else task.since,
        until=last.until if last else now,
        back_at=now,
    )


def done_records(task: InsightTask, now: datetime, *, released: bool) -> Sequence[InsightMessage]:
    """Say who has done a task, and of a product batch that is `released` that it is held no more."""
    done = InsightTaskDone(
        task=task.task,
        kind=task.kind,
        about=_about(task),
        metric=task.metric,
        done_by=task.done_by,
        done_why=task.done_why,
        done_at=now,
    )
    if task.kind != BATCH_HELD or not released:
        return [done]
    batch = ProductBatchReleased(
        task=task.task,
        product=task.product,
        batch=task.batch,
        released_by=task.done_by,
        why=task.done_why,
        released_at=now,
    )
    return [done, batch]


def _about(task: InsightTask) -> str:
    """Name the part that is measured; an engineer's name leaves for no topic, `insight decisions` shows it."""
    return "" if task.kind == EASY_TICKETS else task.about


def _figure_text(task: InsightTask, root_causes: Mapping[str, Text]) -> Text:
    if task.kind == IMPROVEMENT:
        about = about_text(task, root_causes)
        return Text(f"{about.zh} 30 天内 {task.hits} 次", f"{about.en}: {task.hits} times in 30 days")
    if task.kind == EASY_TICKETS:
        return Text(
            f"一名工程师比他人快 40% 以上,同类比较则不然;{task.units} 单中 {task.hits} 单较易处理",
            f"an engineer is 40 % faster, and not so of like tickets; {task.hits} of {task.units} are easier",
        )
    metric, share = metric_of(task.metric), f"{task.hits / task.units:.2%} ({task.hits:,} / {task.units:,})"
    if task.kind == INTEGRATION:
        hops = ", ".join(task.causes)
        return Text(
            f"催单率与{metric.title.zh} {share} 同时高于前一周,环节 {hops}",
            f"chases and the {metric.title.en.lower()} {share} rose at once against the week before, at {hops}",
        )
    threshold = _threshold(metric, task.kind)
    zh, en = ("低于", "under") if threshold.below else ("高于", "over")
    part = f"{task.about} " if task.about else ""
    return Text(
        f"{part}{metric.title.zh} {share},{zh} {threshold.limit:.0%}",
        f"{part}{metric.title.en} {share}, {en} {threshold.limit:.0%}",
    )


def _threshold(metric: Metric, kind: str) -> Threshold:
    lasting = metric.lasting
    threshold = lasting.threshold if lasting and lasting.consequence == kind else metric.threshold
    assert threshold is not None, "what has a consequence has a threshold"
    return threshold
