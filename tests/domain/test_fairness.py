"""Fairness (R5): assignments against the share of each who fits, whoever assigned; few cases are not judged."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from bus.domain.errors import MalformedInput
from bus.domain.events import Event, Recorded, TicketAssigned
from bus.domain.fairness import FITTING_MIN, Fairness, FairnessTally, PersonShare, fairness_since, shares
from bus.domain.routed import RankedPerson, TicketRouted, Unfit
from bus.domain.routing_rules import RoutingMode
from bus.domain.terms import CommandId, EventId, TicketId, TraceId
from tests.domain.people import START, WANG


def recorded(number: int, version: int, event: Event) -> Recorded:
    """Wrap an event of a ticket."""
    return Recorded(
        event_id=EventId(UUID(int=number)), ticket_id=TicketId(f"T20261122-{number:06}"), version=version,
        trace_id=TraceId("0" * 32), occurred_at=START, recorded_at=START, source="bus", actor="ticketbus",
        command_id=CommandId(UUID(int=number)), historic=False, implied=False, waived=(), event=event,
    )  # fmt: skip


def routed(number: int, given_to: str, fit: Sequence[str], unfit: Sequence[str] = ()) -> list[Recorded]:
    """Route a ticket among those who fit, and give it to somebody; an empty name: to nobody."""
    rows = [RankedPerson(person=name) for name in fit] + [RankedPerson(person=one, unfit=Unfit.FULL) for one in unfit]
    table = TicketRouted(mode=RoutingMode.SUGGEST, person="", unroutable="", ranking=tuple(rows), more=0)
    assigned = TicketAssigned(assignee=replace(WANG, person=given_to), previous_person="", reason="")
    return [recorded(number, 2, table), *([recorded(number, 3, assigned)] if given_to else [])]


def share_of(person: str, events: Sequence[Recorded]) -> PersonShare:
    (found,) = (one for one in shares(events) if one.person == person)
    return found


def test_fairness_counts_tables_that_somebody_was_assigned_after() -> None:
    events = [
        *routed(1, "李工", ["李工", "赵工"]),
        *routed(2, "赵工", ["李工", "赵工"], ["王师傅"]),
        *routed(3, "李工", ["李工"]),
        *routed(4, "孙工", ["李工", "赵工"]),  # by hand, to somebody of no table
        *routed(5, "", ["李工"]),  # nobody has it yet
        recorded(6, 2, TicketAssigned(assignee=WANG, previous_person="", reason="")),  # never routed
    ]
    assert [(one.person, one.fitting, one.assigned, one.expected, one.outside) for one in shares(events)] == [
        ("孙工", 0, 0, 0.0, 1), ("李工", 4, 2, 2.5, 0), ("赵工", 3, 1, 1.5, 0),
    ]  # fmt: skip
    parts = FairnessTally()
    for one in events:
        parts.take([one])
    assert parts.shares() == shares(events), "whatever the pages"
    again = [*routed(1, "李工", ["李工", "赵工"]), replace(events[1], version=4)]
    assert share_of("李工", again).assigned == 1, "a later assignment has no table of its own"


@pytest.mark.parametrize(
    ("cases", "given", "judgement"),
    [
        (FITTING_MIN - 1, FITTING_MIN - 1, Fairness.TOO_FEW),
        (100, 50, Fairness.EVEN),
        (100, 60, Fairness.EVEN),
        (100, 61, Fairness.MORE),
        (100, 39, Fairness.LESS),
    ],
)
def test_fairness_is_judged_by_what_chance_explains(cases: int, given: int, judgement: Fairness) -> None:
    pair = ["李工", "赵工"]
    events = [one for n in range(cases) for one in routed(n, pair[n >= given], pair)]
    assert share_of("李工", events).judgement is judgement
    alone = share_of("李工", [one for n in range(cases) for one in routed(n, "李工", ["李工"])])
    assert alone.judgement in (Fairness.EVEN, Fairness.TOO_FEW), "who alone fits has all"


def test_fairness_goes_31_days_back_at_most_and_30_by_itself() -> None:
    assert fairness_since(None, START, "since") == START - timedelta(days=30)
    earliest = START - timedelta(days=31)
    assert fairness_since(earliest, START, "since") == earliest
    with pytest.raises(MalformedInput) as refused:
        fairness_since(earliest - timedelta(seconds=1), START, "--since")
    assert (refused.value.field, "31" in refused.value.zh, earliest.isoformat() in refused.value.en) == (
        "--since", True, True,
    )  # fmt: skip
