"""Verdicts on the bus's own hops: the outbox, Kafka, and the stages that read the log. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bus.domain.text import Text
from bus.journey.readings import Readings, UnpublishedRow, UnreadRow
from bus.journey.verdict import Owner, Verdict, VerdictCause, clock, named, short
from bus.postgres.heartbeats import KAFKA_PART, RELAY_PART, STARTING

STILL_AFTER: Final = timedelta(seconds=20)  # what has not moved for so long stands still
_KAFKA_AWAY: Final = "Kafka is away"  # how the texts of clients begin


@dataclass(frozen=True, slots=True)
class Why:
    """A cause with its words."""

    cause: VerdictCause
    text: Text


def judge_outbox(readings: Readings, now: datetime) -> list[Verdict]:
    """Judge what is committed and not on Kafka: broker away, relay stuck, or on its way."""
    rows = readings.unpublished
    if not rows:
        return []
    versions = sorted({version for one in rows for version in one.versions})
    which, since, why = named(versions), min(one.since for one in rows), _why_unpublished(readings, rows, now)
    return [
        Verdict(
            cause=why.cause,
            hop="published",
            where=", ".join(f"shard {one.shard}" for one in rows),
            owner=Owner.BUS,
            versions=versions,
            evidence={"since": since, "moved_at": max((one.moved_at for one in rows if one.moved_at), default=None)},
            text=Text(
                f"{which.zh} 已入库,自 {clock(since).zh} 起尚未发布到 Kafka:{why.text.zh}",
                f"{which.en} is committed and not on Kafka yet, since {clock(since).en}: {why.text.en}",
            ),
            next="" if why.cause is VerdictCause.IN_OUTBOX else "ticketbus doctor",
        )
    ]


def _why_unpublished(readings: Readings, rows: Sequence[UnpublishedRow], now: datetime) -> Why:
    live = [one for one in readings.beats if one.lives(now)]
    if not live:
        text = Text("没有 gateway 或 worker 在运行,启动其一即继续", "no gateway and no worker runs: start one")
        return Why(VerdictCause.RELAY_STUCK, text)
    if any(why and (part == KAFKA_PART or _KAFKA_AWAY in why) for one in live for part, why in one.parts.items()):
        text = Text("无法连接 Kafka,恢复后自动按序补发", "Kafka is away, it goes out in order once it is back")
        return Why(VerdictCause.KAFKA_AWAY, text)
    if held := next((why for one in live if (why := one.parts.get(RELAY_PART))), None):
        return Why(VerdictCause.RELAY_STUCK, Text(f"发布停在 {short(held)}", f"the relay stands still: {short(held)}"))
    if all(now - max(one.since, one.moved_at or one.since) > STILL_AFTER for one in rows):
        text = Text("确认 Kafka 可用、gateway 或 worker 在运行", "see that Kafka is up and a gateway or worker runs")
        return Why(VerdictCause.RELAY_STUCK, text)
    return Why(VerdictCause.IN_OUTBOX, Text("正在发布", "it is being published"))


def judge_stages(readings: Readings, now: datetime) -> list[Verdict]:
    """Judge what handlers have not read: no worker, frozen, stopped, or behind; one verdict for all of one reason."""
    found = defaultdict[Why, list[UnreadRow]](list)
    for row in readings.unread:
        found[_why_unread(readings, row, now)].append(row)
    return [_unread(why, rows, readings.stages) for why, rows in found.items()]


def missing_worker(readings: Readings, part: str, now: datetime) -> Why | None:
    """Say why no worker runs a part of workers, such as a stage; None if one does."""
    workers = [one for one in readings.beats if one.program == "worker" and part in one.parts]
    if any(one.lives(now) for one in workers):
        return None
    last = max(workers, key=lambda one: one.beat_at, default=None)
    if last is None:
        return Why(VerdictCause.NO_WORKER, Text("没有 worker 在运行", "no worker runs it"))
    if last.stopped_at is not None:
        at = clock(last.stopped_at)
        text = Text(
            f"没有 worker 在运行,上一个停止于 {at.zh}", f"no worker runs it, the last one was stopped at {at.en}"
        )
        return Why(VerdictCause.NO_WORKER, text)
    text = Text(
        f"主机 {last.host} 上的 worker 自 {clock(last.beat_at).zh} 起没有心跳(卡死、断网或被杀)",
        f"the worker on {last.host} has given no heartbeat since {clock(last.beat_at).en}: frozen, cut off or killed",
    )
    return Why(VerdictCause.WORKER_FROZEN, text)


def no_worker(why: Why, versions: Sequence[int], where: str, hop: str) -> Verdict:
    """Make the verdict on what waits for a worker."""
    which = named(versions)
    return Verdict(
        cause=why.cause,
        hop=hop,
        where=where,
        owner=Owner.BUS,
        versions=versions,
        text=Text(
            f"{which.zh} 等待 {where}:{why.text.zh}。启动 worker 后自动继续",
            f"{which.en} waits for {where}: {why.text.en}; it goes on once a worker runs",
        ),
        next="ticketbus worker",
    )


def _why_unread(readings: Readings, row: UnreadRow, now: datetime) -> Why:
    """Say why a handler has not read; a worker that is starting, or fails beside one that works, stops nothing."""
    stage = readings.stages[row.handler]
    if missing := missing_worker(readings, stage, now):
        return missing
    workers = [one for one in readings.beats if one.program == "worker" and one.lives(now) and stage in one.parts]
    troubles = [one.parts[stage] for one in workers]
    trouble = next((why for why in troubles if why and why != STARTING), None)
    still = now - max(row.since, row.moved_at or row.since, min(one.started_at for one in workers)) > STILL_AFTER
    failure = row.failure or (trouble if still or None not in troubles else None)
    if failure is not None:
        return Why(VerdictCause.STAGE_STOPPED, Text(short(failure), short(failure)))
    if still:
        since = clock(row.moved_at or row.since)
        text = Text(
            f"worker 在运行,但自 {since.zh} 起没有前进", f"its worker runs, and it has not moved since {since.en}"
        )
        return Why(VerdictCause.STAGE_STOPPED, text)
    return Why(VerdictCause.STAGE_BEHIND, Text("", ""))


def _unread(why: Why, rows: Sequence[UnreadRow], stages: Mapping[str, str]) -> Verdict:
    versions = sorted({version for one in rows for version in one.versions})
    where, ahead, which = ", ".join(one.handler for one in rows), max(one.ahead for one in rows), named(versions)
    moved_at = max((one.moved_at for one in rows if one.moved_at), default=None)
    evidence = {"ahead": ahead, "since": min(one.since for one in rows), "moved_at": moved_at}
    if why.cause in {VerdictCause.NO_WORKER, VerdictCause.WORKER_FROZEN}:
        verdict = no_worker(why, versions, where, "projected")
        evidence["stages"] = sorted({stages[one.handler] for one in rows})
        return replace(verdict, evidence=evidence)
    if why.cause is VerdictCause.STAGE_STOPPED:
        text = Text(
            f"{which.zh} 在处理器 {where} 未生效,它已停住:{why.text.zh}。排除原因后重启 worker",
            f"{which.en}: no effect in {where} yet, which stands still: {why.text.en}; "
            "mend the cause, then start the worker anew",
        )
    else:
        text = Text(
            f"{which.zh} 尚未被 {where} 读取,前面还有 {ahead} 条,正在处理",
            f"{which.en}: not read by {where} yet, {ahead} records come before it; it goes on",
        )
    return Verdict(
        cause=why.cause,
        hop="projected",
        where=where,
        owner=Owner.BUS,
        versions=versions,
        evidence=evidence,
        text=text,
        next="ticketbus doctor" if why.cause is VerdictCause.STAGE_STOPPED else "",
    )
