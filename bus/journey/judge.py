"""The judge of a ticket: what the stores know of it and of the bus becomes verdicts, the first to bite first. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from bus.domain.text import Text
from bus.domain.ticket import Ticket, has_deadlines
from bus.journey.expected_hops import ExpectedRow
from bus.journey.hop_sources import DeadLetterRow, DeliveryRow
from bus.journey.judge_bus import judge_outbox, judge_stages
from bus.journey.judge_expected import judge_expected
from bus.journey.judge_people import judge_actions
from bus.journey.judge_targets import judge_deliveries
from bus.journey.readings import MismatchRow, Readings
from bus.journey.spooled import NOTHING_SPOOLED, SpoolFound
from bus.journey.verdict import NAMED_MAX, Owner, Verdict, VerdictCause, clock, short

NOTHING_STUCK = Verdict(
    cause=VerdictCause.DONE,
    hop="",
    where="",
    owner=Owner.NOBODY,
    text=Text(
        "没有卡住:没有待发布的事件、等待的投递和未处理的死信",
        "nothing is stuck: no event waits for Kafka, no delivery waits, no letter is open",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRecord:
    """What the stores know of a ticket; deliveries are in order of target and version.

    `types`: of its events. `spooled`: what was found of it on the intake topic. `expected`: hops that are
    missing, due or late.
    """

    ticket: Ticket
    types: frozenset[str] = frozenset()
    deliveries: Sequence[DeliveryRow] = ()
    letters: Sequence[DeadLetterRow] = ()
    spooled: SpoolFound = NOTHING_SPOOLED
    expected: Sequence[ExpectedRow] = ()


def judge(record: TicketRecord, readings: Readings, now: datetime) -> list[Verdict]:
    """Name every cause that keeps a ticket from going on, in the order of its way; one verdict if none does.

    What is done on the bus is judged by who is to act on the ticket, and by targets that take none of its events. A
    hop that was missed is named unless a verdict accounts for it: no ticket that misses one is done.
    """
    person = record.ticket.assignee.person
    verdicts = [
        *judge_spool(record.spooled),
        *judge_outbox(readings, now),
        *judge_stages(readings, now),
        *_mismatches(readings.mismatches),
        *judge_deliveries(record.deliveries, record.letters, readings, record.ticket, now),
        *judge_inputs(record.letters),
    ]
    verdicts += judge_expected(record.expected, verdicts, person)
    found = _once(verdicts) or [*judge_actions(record.ticket, now), *_filtered(record, readings)]
    return [*found, *judge_unsearched(record.spooled)] or [NOTHING_STUCK]


def judge_unsearched(spooled: SpoolFound) -> list[Verdict]:
    """Say what of the intake topic was not looked through, so that nobody takes "not found" for "not there"."""
    if not spooled.unread and not spooled.kafka_away:
        return []
    if spooled.kafka_away:
        text = Text(
            "ticket.intake 上有等待处理的请求,但 Kafka 不可用,无法查看其中是否有该工单的请求。恢复后再查",
            "requests wait on ticket.intake, and Kafka is away: nobody can see whether one of them is for this. "
            "Ask again once it is back",
        )
    else:
        text = Text(
            f"ticket.intake 上还有 {spooled.unread} 条记录没有查看,其中可能有该工单的请求。待 intake 阶段处理后再查",
            f"{spooled.unread} records on ticket.intake were not looked through, one of them may be for this: "
            "ask again once the stage intake has read on",
        )
    return [
        Verdict(
            cause=VerdictCause.SPOOL_UNSEARCHED,
            hop="committed",
            where="ticket.intake",
            owner=Owner.BUS,
            evidence={"unread": spooled.unread, "kafka_away": spooled.kafka_away},
            text=text,
            next="ticketbus doctor",
        )
    ]


def judge_spool(spooled: SpoolFound) -> list[Verdict]:
    """Say what waits on the intake topic; the stage that reads it is judged with the ticket's other handlers."""
    return [
        Verdict(
            cause=VerdictCause.IN_SPOOL,
            hop="committed",
            where="ticket.intake",
            owner=Owner.BUS,
            evidence={
                "source": one.source,
                "received_at": one.received_at,
                "trace_id": one.trace_id,
                "place": one.place,
                "ahead": one.ahead,
            },
            text=Text(
                f"{one.source} 的请求于 {clock(one.received_at).zh} 收到(当时 PostgreSQL 不可用),在 ticket.intake "
                f"{one.place} 等待,前面还有 {one.ahead} 条:确认有 worker 运行 intake 阶段",
                f"a request of {one.source} was taken at {clock(one.received_at).en}, while PostgreSQL was away, and "
                f"waits on ticket.intake {one.place}, {one.ahead} come before it: a worker is to run the stage intake",
            ),
            next="ticketbus worker --stages intake",
        )
        for one in spooled.requests
    ]


def judge_inputs(letters: Sequence[DeadLetterRow]) -> list[Verdict]:
    """Name input that had no effect, one verdict for all of one origin and cause."""
    cause = attrgetter("origin", "reason", "kind", "detail")
    inputs = [one for one in letters if not one.target and one.state == "open"]
    verdicts = list[Verdict]()
    for (origin, reason, kind, detail), some in groupby(sorted(inputs, key=cause), key=cause):
        numbers = [str(one.id) for one in some]
        listed = ", ".join(numbers[:NAMED_MAX]) + ("" if len(numbers) <= NAMED_MAX else f" … ({len(numbers)})")
        verdicts.append(
            Verdict(
                cause=VerdictCause.INPUT_LETTER,
                hop="committed",
                where=origin,
                owner=Owner.SOURCE,
                evidence={"letters": [int(one) for one in numbers], "kind": kind, "reason": reason},
                text=Text(
                    f"{origin} 的输入没有生效,死信 {listed}:{short(detail)}。用 deadletter show {numbers[0]} 查看",
                    f"input of {origin} had no effect, dead letter {listed} ({kind}, {reason}): "
                    f"see `ticketbus deadletter show {numbers[0]}`",
                ),
                next=f"ticketbus deadletter show {numbers[0]}",
            )
        )
    return verdicts


def _mismatches(rows: Sequence[MismatchRow]) -> list[Verdict]:
    return [
        Verdict(
            cause=VerdictCause.TOPIC_MISMATCH,
            hop="pushed",
            where=one.who,
            owner=Owner.SUBSCRIBER,
            versions=[one.version],
            evidence={"topic": one.topic, "nearest": one.nearest, "members": [*one.members], "since": one.first_at},
            text=Text(
                f"{one.who} 自 {clock(one.first_at).zh} 起订阅了没有人写的主题 {short(one.topic)}(应为 {one.nearest}?),"
                f"收不到 v{one.version} 起的事件",
                f"{one.who} subscribes to {short(one.topic)}, which nobody writes, since {clock(one.first_at).en} "
                f"(did you mean {one.nearest}?): it hears of nothing from v{one.version} on",
            ),
            next="ticketbus topics check --live",
        )
        for one in rows
    ]


def _filtered(record: TicketRecord, readings: Readings) -> list[Verdict]:
    """Name targets that take none of the events that the ticket has."""
    if not has_deadlines(record.ticket) or not record.types:
        return []
    given = {one.target for one in record.deliveries}
    return [
        Verdict(
            cause=VerdictCause.FILTERED,
            hop="enqueued",
            where=one.target,
            owner=Owner.BUS,
            evidence={"takes": [*one.events]},
            text=Text(
                f"{one.target} 按其声明只接收 {', '.join(one.events)},该工单没有这些事件",
                f"{one.target} takes {', '.join(one.events)} by its declaration, of which the ticket has none",
            ),
        )
        for one in readings.targets.values()
        if one.events is not None and one.undeclared_at is None and one.target not in given
        if not record.types & {*one.events}
    ]


def _once(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Name a missing worker once for all that waits for it."""
    seen, kept = set[tuple[VerdictCause, str]](), list[Verdict]()
    for one in verdicts:
        shared = one.cause in {VerdictCause.NO_WORKER, VerdictCause.WORKER_FROZEN}
        key = (one.cause, "" if shared else f"{one.where} {one.versions}")
        if key not in seen:
            kept.append(one)
        seen.add(key)
    return kept
