"""The verdict: where a ticket is stuck and what to do next, in two languages. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from bus.journey.hop_sources import DeadLetterRow, DeliveryRow
from bus.observability.masking import mask_text

DETAIL_MAX = 200
NAMED_MAX = 3

VerdictLine = dict[str, str]


class StoppedHandler(NamedTuple):
    """A handler that stands still before these versions of the ticket, and why."""

    handler: str
    versions: Sequence[int]
    why: str


def verdict(
    unpublished: Sequence[int],
    deliveries: Sequence[DeliveryRow],
    letters: Sequence[DeadLetterRow],
    now: datetime,
    stopped: Sequence[StoppedHandler] = (),
) -> list[VerdictLine]:
    """Say what does not go on by itself, or waits, each with the next step: `zh` and `en`. One line if nothing does.

    `unpublished` are versions; deliveries are in order of target and version.
    """
    waiting = [one for one in deliveries if one.state == "waiting"]
    lines = [_unpublished(sorted(set(unpublished)))] if unpublished else []
    lines += [_stopped(one) for one in stopped]
    for target, some in groupby(waiting, key=attrgetter("target")):
        rows = list(some)
        letter = next((one for one in letters if one.id == rows[0].letter), None)
        lines += _waiting(target, rows, letter, now)
    lines += _inputs([one for one in letters if not one.target and one.state == "open"])
    return lines or [_NOTHING]


_NOTHING = {
    "zh": "没有卡住:没有待发布的事件、等待的投递和未处理的死信",
    "en": "nothing is stuck: no event waits for Kafka, no delivery waits, no letter is open",
}


def _unpublished(versions: Sequence[int]) -> VerdictLine:
    zh, en = _named(versions)
    return {
        "zh": f"{zh} 已入库,尚未发布到 Kafka:确认 Kafka 可用、gateway 或 worker 在运行",
        "en": f"{en} is committed and not on Kafka yet: see that Kafka is up and a gateway or worker runs",
    }


def _stopped(one: StoppedHandler) -> VerdictLine:
    zh, en = _named(one.versions)
    return {
        "zh": f"{zh} 在处理器 {one.handler} 未生效,它已停住:{_short(one.why)}。排除原因后重启 worker",
        "en": f"{en}: no effect in {one.handler} yet, which stands still: {_short(one.why)}; "
        "mend the cause, then start the worker anew",
    }


def _waiting(
    target: str, some: Sequence[DeliveryRow], letter: DeadLetterRow | None, now: datetime
) -> list[VerdictLine]:
    head, behind = some[0], [one.version for one in some[1:]]
    lines = [_dead(letter, head)] if letter else [_queued(head, now)]
    if behind:
        before = (f"死信 {letter.id}", f"letter {letter.id}") if letter else (f" v{head.version}", f"v{head.version}")
        zh, en = _named(behind)
        lines.append({"zh": f"{zh} → {target} 在{before[0]} 之后等待", "en": f"{en} → {target}: behind {before[1]}"})
    if head.undeclared_at is not None:
        lines.append(_undeclared(head.target, head.undeclared_at))
    elif head.paused is not None:
        lines.append(
            {
                "zh": f"{target} 已暂停:{_short(head.paused)}。恢复用 delivery resume {target}",
                "en": f"{target} is paused: {_short(head.paused)}; `ticketbus delivery resume {target}` ends that",
            }
        )
    elif head.failures or (head.not_before and head.not_before > now):
        lines.append(_failing(head, now))
    return lines


def _dead(letter: DeadLetterRow, head: DeliveryRow) -> VerdictLine:
    place, number = f"v{letter.version} → {letter.target}", letter.id
    zh = f"{place} 死信 {number}:{_short(letter.detail)}。用 deadletter show {number} 查看"
    en = f"{place} is dead letter {number} ({letter.kind}): see `ticketbus deadletter show {number}`"
    if head.undeclared_at is not None:  # it cannot be sent again: what ends that is said of the target
        return {"zh": zh, "en": en}
    return {
        "zh": f"{zh},修好后 deadletter retry {number},不再需要则 deadletter discard {number}",
        "en": f"{en}, mend the cause, then `deadletter retry`, or `deadletter discard`",
    }


def _queued(head: DeliveryRow, now: datetime) -> VerdictLine:
    place, since = f"v{head.version} → {head.target}", _at(head.enqueued_at)
    if not head.attempts:
        return {"zh": f"{place} 自 {since} 排队,尚未投递", "en": f"{place} is queued since {since}, not tried yet"}
    kind = head.failure["kind"] if head.failure else None
    last = (f",上次 {kind}", f", last {kind}") if kind else ("", "")
    zh, en = _again(head, now)
    return {
        "zh": f"{place} 等待投递:已试 {head.attempts} 次{last[0]},{zh}",
        "en": f"{place} waits: tried {head.attempts} times{last[1]}, {en}",
    }


def _again(head: DeliveryRow, now: datetime) -> tuple[str, str]:
    """Say when a delivery that was tried is tried again: never before what holds its target ends."""
    if head.undeclared_at is not None:
        return "不会再试", "not tried again as things stand"
    if head.paused is not None:
        return "恢复后再试", "again once the target is resumed"
    until = max((at for at in (head.next_at, head.not_before) if at and at > now), default=None)
    if until is None:
        return "即将再试", "due again now"
    return f"最早 {_at(until)} 再试", f"again at {_at(until)} at the earliest"


def _undeclared(target: str, since: datetime) -> VerdictLine:
    move = f"ticketbus delivery move {target} --to OTHER --by NAME --why WHY"
    discard = f"ticketbus delivery discard {target} --by NAME --why WHY"
    return {
        "zh": f"{target} 自 {_at(since)} 起不在任何运行中 worker 的目标文件中,没有 worker 调用它:"
        f"重新写入目标文件并重启 worker,或移到另一目标 `{move}`,或作废 `{discard}`",
        "en": f"{target} is in no running worker's targets file since {_at(since)}, so that no worker calls it: put it "
        f"back and start the workers anew, or `{move}`, or `{discard}`",
    }


def _failing(head: DeliveryRow, now: datetime) -> VerdictLine:
    """Say that a target fails as a whole; when its breaker opens is its policy's to say, which is not stored."""
    until = _at(head.not_before) if head.not_before and head.not_before > now else ""
    held = ("", "")
    if until and head.asked_wait:
        held = (f",对方要求 {until} 前不要调用", f" and asked not to be called before {until}")
    elif until:
        held = (f",断路器在 {until} 前不放行", f", its breaker lets no call through before {until}")
    return {
        "zh": f"{head.target} 连续失败 {head.failures} 次{held[0]}:修好对方系统后自动继续",
        "en": f"{head.target} failed {head.failures} times in a row{held[1]}: mend it, the bus goes on by itself",
    }


def _inputs(letters: Sequence[DeadLetterRow]) -> list[VerdictLine]:
    """Say which input had no effect, one line for all of one origin and cause."""
    cause = attrgetter("origin", "reason", "kind", "detail")
    lines = list[VerdictLine]()
    for (origin, reason, kind, detail), some in groupby(sorted(letters, key=cause), key=cause):
        numbers = [str(one.id) for one in some]
        named = ", ".join(numbers[:NAMED_MAX]) + ("" if len(numbers) <= NAMED_MAX else f" … ({len(numbers)})")
        lines.append(
            {
                "zh": f"{origin} 的输入没有生效,死信 {named}:{_short(detail)}。用 deadletter show {numbers[0]} 查看",
                "en": f"input of {origin} had no effect, dead letter {named} ({kind}, {reason}): "
                f"see `ticketbus deadletter show {numbers[0]}`",
            }
        )
    return lines


def _named(versions: Sequence[int]) -> tuple[str, str]:
    """Name versions, in Chinese and in English; of many the first and the last."""
    names = [f"v{one}" for one in versions]
    if len(names) > NAMED_MAX:
        names = [f"{names[0]}…{names[-1]} ({len(names)})"]
    return "、".join(names), ", ".join(names)


def _short(detail: str) -> str:
    text = mask_text(detail)
    return text if len(text) <= DETAIL_MAX else text[: DETAIL_MAX - 1] + "…"


def _at(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
