"""The judge: each cause from what was read, and no other; what is overlaid is named in the order of the way. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bus.alerts.rules.programs import beat_of
from bus.domain.terms import State
from bus.domain.ticket import Ticket
from bus.domain.values import Assignee
from bus.journey.hop_sources import DeadLetterRow, DeliveryRow
from bus.journey.judge import TicketRecord, judge
from bus.journey.readings import AppRow, MismatchRow, Readings, TargetRow, UnpublishedRow, UnreadRow
from bus.journey.verdict import Owner, Verdict, VerdictCause, clock
from bus.postgres.heartbeats import KAFKA_PART, ProgramBeat
from tests.domain.people import OPEN, START
from tests.process.test_sla_process import ticket

Cause = VerdictCause
NOW = START
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
STAGES = {"tickets": "projections", "deliveries": "delivery"}
GATEWAY = beat_of("gateway", NOW, {"outbox": None})
WORKER = beat_of("worker", NOW, {"projections": None, "delivery": None, "outbox": None})
WAITS = DeliveryRow(
    target="erp",
    version=1,
    state="waiting",
    attempts=0,
    reference="",
    enqueued_at=NOW - MINUTE,
    settled_at=None,
    head=1,
    next_at=NOW - MINUTE,
    failure=None,
    paused=None,
    undeclared_at=None,
    letter=None,
)
TRIED = replace(WAITS, attempts=2, failure={"kind": "unavailable", "detail": "HTTP 503"}, next_at=NOW + MINUTE)
QUIET = replace(WAITS, postponed="quiet hours", next_at=NOW + MINUTE)
TARGET = TargetRow(
    target="erp",
    paused=None,
    by_hand=False,
    paused_by="",
    failures=0,
    not_before=None,
    asked_wait=False,
    undeclared_at=None,
    fetched=False,
    events=None,
    rate_per_s=50,
    attempts_max=12,
    host=None,
    path=None,
    used_share=None,
    before=0,
)
APP = replace(TARGET, target="app", fetched=True)
PUSH = replace(WAITS, target="app")
THERE = AppRow(person="王工", seen_at=NOW - SECOND, left_at=None, answered_at=NOW - MINUTE)
SILENT = replace(THERE, seen_at=NOW - MINUTE)  # as a gateway that was killed leaves it
LETTER = DeadLetterRow(
    id=17,
    origin="delivery:erp",
    target="erp",
    ticket_id="T1",
    version=1,
    event="PartsRequested",
    trace_id="",
    state="open",
    reason="rejected",
    kind="rejected",
    detail="HTTP 422",
    message=None,
    attempts=1,
    died_at=NOW,
    edited_from=None,
    decisions=(),
)
UNPUBLISHED = UnpublishedRow(shard=3, versions=[1, 2], since=NOW - SECOND, moved_at=NOW - SECOND)
UNREAD = UnreadRow(handler="tickets", versions=[2], since=NOW - SECOND, ahead=7, moved_at=NOW - SECOND, failure=None)
MISMATCH = MismatchRow(
    kind="stream",
    who="engineer-app",
    topic="ticket.assigns",
    nearest="ticket.assign",
    members=["engineer-app @ 10.0.0.7"],
    times=3,
    first_at=NOW - MINUTE,
    version=2,
)
FROZEN = replace(WORKER, beat_at=NOW - MINUTE)
UNHEARD = replace(GATEWAY, parts={KAFKA_PART: "Kafka did not acknowledge"})
STOPPED = replace(FROZEN, stopped_at=NOW - MINUTE)


def ticket_of(person: str = "", **changed: Any) -> Ticket:
    """Give a ticket whose clocks run, held by a person."""
    return replace(ticket(OPEN), assignee=Assignee(person=person), **changed)


CLOSED = ticket_of(state=State.CLOSED)


def readings(*beats: ProgramBeat, targets: tuple[TargetRow, ...] = (TARGET,), **read: Any) -> Readings:
    """Give readings of a bus that runs, but for what is given."""
    named: Mapping[str, TargetRow] = {one.target: one for one in targets}
    return Readings(stages=STAGES, beats=beats or (GATEWAY, WORKER), targets=named, **read)


def judged(
    read: Readings, *deliveries: DeliveryRow, letters: tuple[DeadLetterRow, ...] = (), ticket: Ticket = CLOSED
) -> list[Verdict]:
    """Judge a ticket with one type of event."""
    record = TicketRecord(ticket=ticket, types=frozenset({"ticket.opened"}), deliveries=deliveries, letters=letters)
    return judge(record, read, NOW)


def one_target(changed: dict[str, Any], *rows: DeliveryRow) -> list[Verdict]:
    return judged(readings(targets=(replace(TARGET, **changed),)), *(rows or (WAITS,)))


def pushed(
    *apps: AppRow, row: DeliveryRow = PUSH, person: str = "王工", beats: tuple[ProgramBeat, ...] = ()
) -> list[Verdict]:
    return judged(readings(*beats, targets=(APP,), apps=apps), row, ticket=ticket_of(person))


INPUT = replace(LETTER, target="", origin="webhook:crm", version=0)
ALONE: Mapping[str, tuple[list[Verdict], Cause, Owner, str]] = {
    "closed": (judged(readings()), Cause.DONE, Owner.NOBODY, "nothing is stuck"),
    "open": (
        judged(readings(), ticket=ticket_of()),
        Cause.NOT_ACTED_ON,
        Owner.DISPATCHER,
        "a dispatcher is to act",
    ),
    "held": (judged(readings(), ticket=ticket_of("王工")), Cause.NOT_ACTED_ON, Owner.ENGINEER, "王工 is to act"),
    "filtered": (
        one_target({"events": ["ticket.closed"]}, replace(WAITS, target="crm", state="done")),
        Cause.FILTERED,
        Owner.BUS,
        "erp takes ticket.closed by its declaration",
    ),
    "outbox moves": (
        judged(readings(unpublished=[UNPUBLISHED])),
        Cause.IN_OUTBOX,
        Owner.BUS,
        "v1, v2 is committed",
    ),
    "relay stuck": (
        judged(readings(unpublished=[replace(UNPUBLISHED, since=NOW - MINUTE, moved_at=NOW - MINUTE)])),
        Cause.RELAY_STUCK,
        Owner.BUS,
        "see that Kafka is up",
    ),
    "a poison record": (
        judged(readings(replace(GATEWAY, parts={"outbox": "shard 3: 9 bytes"}), unpublished=[UNPUBLISHED])),
        Cause.RELAY_STUCK,
        Owner.BUS,
        "shard 3: 9 bytes",
    ),
    "no program": (
        judged(readings(STOPPED, unpublished=[UNPUBLISHED])),
        Cause.RELAY_STUCK,
        Owner.BUS,
        "no gateway",
    ),
    "kafka away": (
        judged(readings(replace(WORKER, parts={"relay": "Kafka is away: x"}), unpublished=[UNPUBLISHED])),
        Cause.KAFKA_AWAY,
        Owner.BUS,
        "Kafka is away",
    ),
    "no answer": (judged(readings(UNHEARD, unpublished=[UNPUBLISHED])), Cause.KAFKA_AWAY, Owner.BUS, "Kafka is away"),
    "behind": (judged(readings(unread=[UNREAD])), Cause.STAGE_BEHIND, Owner.BUS, "7 records come before it"),
    "no worker": (judged(readings(GATEWAY, unread=[UNREAD])), Cause.NO_WORKER, Owner.BUS, "no worker runs it"),
    "stopped": (judged(readings(STOPPED, unread=[UNREAD])), Cause.NO_WORKER, Owner.BUS, "was stopped at"),
    "frozen": (judged(readings(FROZEN, unread=[UNREAD])), Cause.WORKER_FROZEN, Owner.BUS, "no heartbeat since"),
    "poison": (
        judged(readings(unread=[replace(UNREAD, failure="offset 9: 13800001111")])),
        Cause.STAGE_STOPPED,
        Owner.BUS,
        "offset 9: 138****1111",
    ),
    "stalled stage": (
        judged(readings(replace(WORKER, parts={"projections": "no topic x", "delivery": None}), unread=[UNREAD])),
        Cause.STAGE_STOPPED,
        Owner.BUS,
        "no topic x",
    ),
    "stands still": (
        judged(readings(unread=[replace(UNREAD, since=NOW - MINUTE, moved_at=NOW - MINUTE)])),
        Cause.STAGE_STOPPED,
        Owner.BUS,
        "has not moved since",
    ),
    "topic": (judged(readings(mismatches=[MISMATCH])), Cause.TOPIC_MISMATCH, Owner.SUBSCRIBER, "ticket.assign?"),
    "queued": (one_target({}), Cause.QUEUED, Owner.BUS, "v1 → erp is queued since"),
    "rate": (one_target({"before": 500}), Cause.RATE_LIMITED, Owner.BUS, "500 tickets come before it"),
    "quiet": (one_target({}, QUIET), Cause.POSTPONED, Owner.BUS, "is not sent before"),
    "retried": (
        one_target({}, TRIED),
        Cause.RETRYING,
        Owner.TARGET,
        "tried 2 times, last unavailable: HTTP 503",
    ),
    "answered": (
        one_target({}, replace(TRIED, failure={"kind": "throttled", "status": 429, "message": '{"code":0}'})),
        Cause.RETRYING,
        Owner.TARGET,
        'last throttled HTTP 429: {"code":0}',
    ),
    "unconfirmed": (
        one_target({}, replace(TRIED, failure={"kind": "unknown", "detail": "timeout"})),
        Cause.UNCONFIRMED,
        Owner.TARGET,
        "was sent and not confirmed",
    ),
    "under way": (one_target({}, replace(TRIED, failed=1)), Cause.UNCONFIRMED, Owner.TARGET, "call 2 is under way"),
    "paused": (
        one_target({"paused": "张工: 盘点"}, TRIED),
        Cause.TARGET_PAUSED,
        Owner.BUS,
        "erp is paused: 张工: 盘点",
    ),
    "floor": (
        one_target({"host": "erp-1", "path": "/data", "used_share": 0.934}),
        Cause.DISK_FLOOR,
        Owner.TARGET,
        "/data on erp-1, where erp lives, is 93 % full",
    ),
    "asked": (
        one_target({"not_before": NOW + MINUTE, "asked_wait": True, "failures": 3}, TRIED),
        Cause.RETRY_AFTER,
        Owner.TARGET,
        f"asked not to be called before {clock(NOW + MINUTE).en}",
    ),
    "breaker": (
        one_target({"not_before": NOW + MINUTE, "failures": 10}, TRIED),
        Cause.BREAKER_OPEN,
        Owner.TARGET,
        "failed 10 times in a row",
    ),
    "undeclared": (
        one_target({"undeclared_at": NOW, "paused": "x"}),
        Cause.TARGET_UNDECLARED,
        Owner.BUS,
        "`ticketbus delivery move erp --to OTHER --by NAME --why WHY`",
    ),
    "letter": (
        judged(readings(), replace(TRIED, letter=17), letters=(LETTER,)),
        Cause.DEAD_LETTER,
        Owner.TARGET,
        "deadletter retry",
    ),
    "input": (judged(readings(), letters=(INPUT,)), Cause.INPUT_LETTER, Owner.SOURCE, "input of webhook:crm"),
    "no gateway": (pushed(THERE, beats=(WORKER,)), Cause.NO_GATEWAY, Owner.BUS, "no gateway runs"),
    "nobody": (pushed(THERE, person=""), Cause.NOT_ASSIGNED, Owner.DISPATCHER, "nobody holds the ticket"),
    "never there": (pushed(), Cause.NOBODY_CONNECTED, Owner.ENGINEER, "and none was"),
    "gone": (pushed(replace(THERE, left_at=NOW)), Cause.NOBODY_CONNECTED, Owner.ENGINEER, f"since {clock(NOW).en}"),
    "another": (
        pushed(replace(THERE, person="王工程")),
        Cause.NOBODY_CONNECTED,
        Owner.ENGINEER,
        "王工程 is: is the app signed in as somebody else?",
    ),
    "dead": (pushed(SILENT), Cause.NOBODY_CONNECTED, Owner.ENGINEER, f"since {clock(SILENT.seen_at).en}"),
    "silent": (
        pushed(THERE, row=replace(PUSH, attempts=2)),
        Cause.NOT_ACKNOWLEDGED,
        Owner.ENGINEER,
        "has not acknowledged 2 pushes",
    ),
    "just now": (pushed(THERE), Cause.QUEUED, Owner.BUS, "not pushed yet"),
}


@pytest.mark.parametrize("case", ALONE)
def test_judge_names_the_cause_its_owner_and_no_other(case: str) -> None:
    found, cause, owner, words = ALONE[case]
    (verdict,) = found
    assert (verdict.cause, verdict.owner) == (cause, owner)
    assert words in verdict.text.en
    assert verdict.text.zh


def test_judge_has_a_case_of_every_cause_that_a_ticket_can_have() -> None:
    elsewhere = {Cause.NEVER_ARRIVED, Cause.REFUSED, Cause.IN_SPOOL, Cause.SPOOL_UNSEARCHED, Cause.BEHIND}
    elsewhere |= {Cause.HOP_MISSING}
    assert {cause for _, cause, _, _ in ALONE.values()} == {*Cause} - elsewhere
