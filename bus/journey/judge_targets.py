"""Verdicts on deliveries to other systems: what holds a target, else how far its call is. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from bus.domain.delivery_state import FAILURES_KEPT, asked_until, is_breaker_open
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.journey.hop_sources import DeadLetterRow, DeliveryRow
from bus.journey.judge_bus import Why, missing_worker, no_worker
from bus.journey.judge_people import judge_push
from bus.journey.readings import BEFORE_MAX, Readings, TargetRow
from bus.journey.verdict import Owner, Verdict, VerdictCause, clock, named, short

DELIVERY_PART: Final = "delivery"  # the stage that calls targets, as its worker's heartbeat names it
_OURS: Final = {
    VerdictCause.TARGET_PAUSED,
    VerdictCause.TARGET_UNDECLARED,
    VerdictCause.QUEUED,
    VerdictCause.RATE_LIMITED,
    VerdictCause.POSTPONED,
}
_OUTCOME_UNKNOWN: Final = "unknown"


def judge_deliveries(
    deliveries: Sequence[DeliveryRow],
    letters: Sequence[DeadLetterRow],
    readings: Readings,
    ticket: Ticket,
    now: datetime,
) -> list[Verdict]:
    """Judge what of a ticket waits for targets; deliveries are in order of target and version."""
    waiting = [one for one in deliveries if one.state == "waiting"]
    verdicts = list[Verdict]()
    for name, some in groupby(waiting, key=attrgetter("target")):
        rows, target = list(some), readings.targets.get(name)
        letter = next((one for one in letters if one.id == rows[0].letter), None)
        if letter is not None:
            verdicts += _parked(letter, rows, target)
        elif target is not None and target.fetched and target.paused is None and target.undeclared_at is None:
            verdicts.append(judge_push(rows, readings, ticket, now))
        else:
            verdicts += _waiting(rows, target, readings, now)
    return verdicts


def _waiting(rows: Sequence[DeliveryRow], target: TargetRow | None, readings: Readings, now: datetime) -> list[Verdict]:
    """Give every hold of a target, the first to bite first; without one how far the call is."""
    if target is not None and target.undeclared_at is not None:
        return [_undeclared(rows, target.target, target.undeclared_at)]
    holds = [_held(rows, why, evidence, mend) for why, evidence, mend in _holds(target, now)] if target else []
    if missing := missing_worker(readings, DELIVERY_PART, now):
        holds.insert(0, no_worker(missing, [one.version for one in rows], rows[0].target, "delivered"))
    return holds or [_under_way(rows, target, now)]


def _parked(letter: DeadLetterRow, rows: Sequence[DeliveryRow], target: TargetRow | None) -> Iterator[Verdict]:
    number, name = letter.id, letter.target
    undeclared_at = target.undeclared_at if target else None
    zh = f"v{letter.version} → {name} 死信 {number}:{short(letter.detail)}。用 deadletter show {number} 查看"
    en = f"v{letter.version} → {name} is dead letter {number} ({letter.kind}): see `ticketbus deadletter show {number}`"
    if undeclared_at is None:  # else it cannot be sent again: what ends that is said of the target
        zh += f",修好后 deadletter retry {number},不再需要则 deadletter discard {number}"
        en += ", mend the cause, then `deadletter retry`, or `deadletter discard`"
    evidence = {"letter": number, "kind": letter.kind, "attempts": letter.attempts, "died_at": letter.died_at}
    show = f"ticketbus deadletter show {number}"
    yield _at_target(Why(VerdictCause.DEAD_LETTER, Text(zh, en)), name, [letter.version], evidence, show)
    if behind := [one.version for one in rows[1:]]:
        which = named(behind)
        text = Text(f"{which.zh} → {name} 在死信 {number} 之后等待", f"{which.en} → {name}: behind letter {number}")
        yield _at_target(Why(VerdictCause.BEHIND, text), name, behind, {"letter": number}, show)
    if undeclared_at is not None:
        yield _undeclared(rows, name, undeclared_at)


def _holds(target: TargetRow, now: datetime) -> Iterator[tuple[Why, Mapping[str, Any], str]]:
    """Give what keeps the bus from calling a target at all: why, the evidence, and the command that ends it."""
    name = target.target
    resume = f"ticketbus delivery resume {name}"
    if target.paused is not None:
        reason = short(target.paused)
        text = Text(
            f"{name} 已暂停:{reason}。恢复用 delivery resume {name}",
            f"{name} is paused: {reason}; `{resume}` ends that",
        )
        yield Why(VerdictCause.TARGET_PAUSED, text), {"by_hand": target.by_hand, "by": target.paused_by}, resume
    if target.host is not None and target.used_share is not None:
        host, path, percent = target.host, target.path, round(target.used_share * 100)
        text = Text(
            f"{name} 所在主机 {host} 的 {path} 已用 {percent}%,到停写线,腾出空间后自动恢复",
            f"{path} on {host}, where {name} lives, is {percent} % full: at its floor, it resumes by itself",
        )
        yield (
            Why(VerdictCause.DISK_FLOOR, text),
            {"host": host, "path": path, "used_percent": percent},
            "ticketbus hosts list",
        )
    if until := asked_until(target, now):
        text = Text(
            f"{name} 要求 {clock(until).zh} 前不要调用(Retry-After)。提前结束用 delivery resume {name}",
            f"{name} asked not to be called before {clock(until).en} (Retry-After); `{resume}` ends it earlier",
        )
        yield Why(VerdictCause.RETRY_AFTER, text), {"until": until}, resume
    elif is_breaker_open(target) and target.not_before:
        at = clock(target.not_before)
        text = Text(
            f"{name} 连续失败 {target.failures} 次,已熔断,只放行探测,下次 {at.zh}:修好对方系统后自动继续",
            f"{name} failed {target.failures} times in a row, its breaker lets probes alone through, the next at "
            f"{at.en}: mend it, the bus goes on by itself",
        )
        yield (
            Why(VerdictCause.BREAKER_OPEN, text),
            {"failures": target.failures, "until": target.not_before},
            "ticketbus delivery list",
        )


def _held(rows: Sequence[DeliveryRow], why: Why, evidence: Mapping[str, Any], mend: str) -> Verdict:
    head, versions = rows[0], [one.version for one in rows]
    which, last = named(versions), _last(head)
    text = Text(f"{which.zh} → {why.text.zh}{last.zh}", f"{which.en} → {why.text.en}{last.en}")
    known = {"enqueued_at": head.enqueued_at, "attempts": head.attempts}
    return _at_target(Why(why.cause, text), head.target, versions, known | {**evidence}, mend)


def _at_target(why: Why, target: str, versions: Sequence[int], evidence: Mapping[str, Any], mend: str) -> Verdict:
    return Verdict(
        cause=why.cause,
        hop="delivered",
        where=target,
        owner=Owner.BUS if why.cause in _OURS else Owner.TARGET,
        versions=versions,
        evidence=evidence,
        text=why.text,
        next=mend,
    )


def _under_way(rows: Sequence[DeliveryRow], target: TargetRow | None, now: datetime) -> Verdict:
    """Say how far the call is that nothing holds: not tried yet, out of turn, or tried and to be tried again."""
    head, versions = rows[0], [one.version for one in rows]
    evidence: dict[str, Any] = {"enqueued_at": head.enqueued_at, "attempts": head.attempts, "next_at": head.next_at}
    why = _postponed(head, now) or _not_tried(head, target)
    if why is None:
        why = _tried(head, now)
        evidence |= {"attempts_max": target and target.attempts_max, "last": dict(head.failure or {})}
    elif target is not None:
        evidence |= {"before": target.before, "rate_per_s": target.rate_per_s}
    which = named(versions)
    text = Text(f"{which.zh} → {head.target} {why.text.zh}", f"{which.en} → {head.target} {why.text.en}")
    return _at_target(Why(why.cause, text), head.target, versions, evidence, "ticketbus delivery list")


def _postponed(head: DeliveryRow, now: datetime) -> Why | None:
    if not head.postponed or head.next_at is None or head.next_at <= now:
        return None
    at, why = clock(head.next_at), short(head.postponed)
    text = Text(f"{at.zh} 前不发送:{why}", f"is not sent before {at.en}: {why}")
    return Why(VerdictCause.POSTPONED, text)


def _not_tried(head: DeliveryRow, target: TargetRow | None) -> Why | None:
    if head.attempts:
        return None
    before, rate = (target.before, target.rate_per_s or 0) if target else (0, 0)
    if before > rate > 0:
        counted = f"{before}+" if before >= BEFORE_MAX else f"{before}"
        text = Text(
            f"排队:前面还有 {counted} 张工单,限速每秒 {rate:g} 次",
            f"is queued: {counted} tickets come before it, at {rate:g} calls a second",
        )
        return Why(VerdictCause.RATE_LIMITED, text)
    since = clock(head.enqueued_at)
    return Why(VerdictCause.QUEUED, Text(f"自 {since.zh} 排队,尚未投递", f"is queued since {since.en}, not tried yet"))


def _tried(head: DeliveryRow, now: datetime) -> Why:
    last, again = _last(head), Text("即将再试", "due again now")
    if head.next_at is not None and head.next_at > now:
        at = clock(head.next_at)
        again = Text(f"最早 {at.zh} 再试", f"again at {at.en} at the earliest")
    if (
        head.next_at
        and head.next_at > now
        and head.failed is not None
        and head.failed < min(head.attempts, FAILURES_KEPT)
    ):
        at = clock(head.next_at)
        text = Text(
            f"第 {head.attempts} 次调用已发出,尚无结果,最迟 {at.zh} 有结果或再试",
            f"call {head.attempts} is under way and has no answer yet: by {at.en} it has, or it is tried again",
        )
        return Why(VerdictCause.UNCONFIRMED, text)
    if head.failure and head.failure.get("kind") != _OUTCOME_UNKNOWN:
        return Why(VerdictCause.RETRYING, Text(f"等待投递{last.zh},{again.zh}", f"waits{last.en}, {again.en}"))
    text = Text(
        f"已发出,未收到确认,将以同一幂等键再发或先查对方{last.zh},{again.zh}",
        f"was sent and not confirmed: it is sent under the same key, or asked after first{last.en}, {again.en}",
    )
    return Why(VerdictCause.UNCONFIRMED, text)


def _last(head: DeliveryRow) -> Text:
    """Say how the last attempt of a delivery failed, if one did."""
    if not head.attempts or not head.failure:
        return Text("", "")
    answer = short(str(head.failure.get("message") or head.failure.get("detail") or ""))
    kind, status = head.failure["kind"], head.failure.get("status")
    kind += f" HTTP {status}" if status and str(status) not in answer else ""
    return Text(
        f";已试 {head.attempts} 次,上次 {kind}{f':{answer}' if answer else ''}",
        f"; tried {head.attempts} times, last {kind}{f': {answer}' if answer else ''}",
    )


def _undeclared(rows: Sequence[DeliveryRow], name: str, since: datetime) -> Verdict:
    move = f"ticketbus delivery move {name} --to OTHER --by NAME --why WHY"
    discard = f"ticketbus delivery discard {name} --by NAME --why WHY"
    text = Text(
        f"{name} 自 {clock(since).zh} 起不在任何运行中 worker 的目标文件中,没有 worker 调用它:"
        f"重新写入目标文件并重启 worker,或移到另一目标 `{move}`,或作废 `{discard}`",
        f"{name} is in no running worker's targets file since {clock(since).en}, so that no worker calls it: put it "
        f"back and start the workers anew, or `{move}`, or `{discard}`",
    )
    return _held(rows, Why(VerdictCause.TARGET_UNDECLARED, text), {"undeclared_at": since}, move)
