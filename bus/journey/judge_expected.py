"""Verdicts on hops that were expected and missed, where no other verdict says why they are missing. Pure."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from bus.domain.text import Text
from bus.journey.expected_hops import ExpectedRow
from bus.journey.verdict import Owner, Verdict, VerdictCause, clock, named

ENQUEUED_BY: Final = "deliveries"  # the handler that queues what targets get
# What keeps an engineer from knowing of a ticket, and so from acting on it.
_NOT_KNOWN: Final = {
    VerdictCause.NO_GATEWAY,
    VerdictCause.NOT_ASSIGNED,
    VerdictCause.NOBODY_CONNECTED,
    VerdictCause.NOT_ACKNOWLEDGED,
}


def judge_expected(expected: Sequence[ExpectedRow], verdicts: Sequence[Verdict], person: str) -> list[Verdict]:
    """Judge what was missed and none of the verdicts on the same event accounts for; `person` holds the ticket."""
    which = attrgetter("expectation", "hop", "place")
    left = [
        one for one in expected if one.state == "missed" and not any(_accounts_for(cause, one) for cause in verdicts)
    ]
    return [_missing(list(rows), person) for _, rows in groupby(sorted(left, key=which), key=which)]


def _accounts_for(verdict: Verdict, row: ExpectedRow) -> bool:
    """Say whether a verdict is why a hop is missing: on the same event, at the same place or before it on its way."""
    if row.version not in verdict.versions:
        return False
    match verdict.hop:
        case "published":
            return True
        case "projected":
            handlers = verdict.where.split(", ")
            by = ENQUEUED_BY if row.hop in ("delivered", "acted_on") else row.place
            return row.hop != "published" and by in handlers
        case "delivered":
            if row.hop == "acted_on":
                return verdict.cause in _NOT_KNOWN
            return row.hop == "delivered" and verdict.where in (row.place, *row.targets)
        case _:
            return False


def _missing(rows: Sequence[ExpectedRow], person: str) -> Verdict:
    first, versions = rows[0], [one.version for one in rows]
    which, due = named(versions), clock(min(one.due_at for one in rows))
    evidence = {"expectation": first.expectation, "due_at": min(one.due_at for one in rows)}
    if first.hop == "acted_on":
        return Verdict(
            cause=VerdictCause.NOT_ACTED_ON,
            hop="acted_on",
            where=person or "dispatch",
            owner=Owner.ENGINEER if person else Owner.DISPATCHER,
            versions=versions,
            evidence={**evidence, "awaits": first.place.split(", ")},
            text=Text(
                f"{which.zh} 之后应在 {due.zh} 前有 {first.place}({first.expectation}),没有:请联系{person or '调度'}",
                f"{first.place} was expected after {which.en} by {due.en} ({first.expectation}) and is not there: "
                f"{person or 'a dispatcher'} is to act",
            ),
        )
    return Verdict(
        cause=VerdictCause.HOP_MISSING,
        hop=first.hop,
        where=first.place,
        owner=Owner.BUS,
        versions=versions,
        evidence=evidence,
        text=Text(
            f"{which.zh} 应在 {due.zh} 前到达 {first.place}({first.hop},{first.expectation}),没有到,也没有在等待的:"
            "确认所有 worker 使用同一份目标文件和主题",
            f"{which.en} was expected at {first.place} by {due.en} ({first.hop}, {first.expectation}), is not there, "
            "and nothing waits to go there: see that all workers run with the same targets file and topics",
        ),
        next="ticketbus doctor",
    )
