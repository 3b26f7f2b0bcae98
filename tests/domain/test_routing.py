"""Who takes a ticket (R5): hard filters, then weights, ties by longest idle; never a department, never everybody."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from bus.domain.batch import Accepted, Outcome
from bus.domain.commands import Assign, Request, Return
from bus.domain.events import TicketAssigned
from bus.domain.inside_commands import RouteTicket
from bus.domain.people import Person, Skill
from bus.domain.routed import RankedPerson, TicketRouted, Unfit
from bus.domain.routing import LISTED_MAX, PersonLoad, Staff, candidates, route, routed
from bus.domain.routing_rules import RoutingMode, RoutingRules, RoutingWeights
from bus.domain.terms import BUS, State, TicketId
from bus.domain.ticket import Ticket
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from tests.domain.given import given, request
from tests.domain.people import ASSIGN, OPEN, ROUTING_RULES, START
from tests.people.staff import LI, WANG, ZHAO

ASSIGNING = ROUTING_RULES
OPENED = given(OPEN).ticket


def staff_of(*people: Person, **loads: PersonLoad) -> Staff:
    """Let these people be there, with nothing to do unless it is said."""
    free = {one.person: PersonLoad() for one in people}
    return Staff(people={one.person: one for one in people}, loads={**free, **loads})


def accepted(outcome: Outcome) -> TicketId:
    """Give the ticket of a command that was accepted."""
    assert isinstance(outcome, Accepted), outcome
    return outcome.ticket_id


def row_of(person: str, staff: Staff, ticket: Ticket = OPENED) -> RankedPerson:
    (row,) = (one for one in route(ticket, staff, ASSIGNING, START).rows if one.person == person)
    return row


@pytest.mark.parametrize(
    ("person", "ticket", "unfit"),
    [
        ({}, {}, None),
        ({"types": ("installation",)}, {}, Unfit.TYPE),
        ({"types": ()}, {}, None),
        ({"regions": ("华南", "华北")}, {}, Unfit.REGION),
        ({"regions": ("华南", "华东")}, {}, None),
        ({"regions": ()}, {"region": ""}, None),
        ({}, {"region": ""}, Unfit.REGION),
        ({}, {"skills": ("compressor", "gas")}, Unfit.SKILL),
        ({}, {"skills": ("compressor",)}, None),
        ({"shift": "夜班"}, {}, Unfit.SHIFT),
        ({"backup": "已离岗的人"}, {}, Unfit.BACKUP),
    ],
)
def test_routing_each_filter_keeps_out_whom_it_should(
    person: Mapping[str, Any], ticket: Mapping[str, Any], unfit: Unfit | None
) -> None:
    staff = staff_of(replace(LI, **person), WANG)
    row = row_of("李工", staff, replace(OPENED, **ticket))
    assert row.unfit is unfit
    assert ("李工" in candidates(replace(OPENED, **ticket), staff.people, ASSIGNING.calendars, START)) == (
        unfit is None
    )
    assert (row.score > 0) == (unfit is None)


def test_routing_who_works_by_a_calendar_is_there_in_its_hours() -> None:
    sunday, monday = START, START + timedelta(days=1)  # nine in the morning in Shanghai
    staff = staff_of(replace(LI, shift="office"), WANG)
    for at, unfit in ((sunday, Unfit.SHIFT), (monday, None), (monday + timedelta(hours=10), Unfit.SHIFT)):
        rows = {one.person: one.unfit for one in route(OPENED, staff, ASSIGNING, at).rows}
        assert (rows["李工"], rows["王师傅"]) == (unfit, None)
        assert candidates(OPENED, staff.people, ASSIGNING.calendars, at) == ["李工", "王师傅"][unfit is not None :]


def test_routing_who_is_full_or_sent_it_back_does_not_get_it() -> None:
    full = staff_of(LI, WANG, 李工=PersonLoad(open_tickets=LI.capacity))
    assert row_of("李工", full).unfit is Unfit.FULL
    assert row_of("李工", staff_of(LI, WANG, 李工=PersonLoad(open_tickets=LI.capacity - 1))).unfit is None
    back = given(OPEN, Assign(assignee=replace(ASSIGN.assignee, person="李工", backup_person="赵工"))).when(
        Return(reason="不在本区")
    )
    assert back.story.ticket.routing.sent_back_by == ("李工",)
    assert row_of("李工", staff_of(LI, WANG), back.story.ticket).unfit is Unfit.SENT_BACK


@pytest.mark.parametrize(
    ("criterion", "better", "points"),
    [
        ("load", {"loads": {"赵工": PersonLoad(open_tickets=1)}}, (100, 66)),
        ("skill", {"skills": (Skill(name="compressor", level=5),)}, (100, 60)),
        ("device", {"visitors": {"SN-7788": "李工"}}, (100, 0)),
        ("first_fix", {"loads": {"李工": PersonLoad(first_fix=80), "赵工": PersonLoad(first_fix=40)}}, (80, 40)),
        ("travel", {"regions": ("华东", "华北"), "other": ("华北", "华东")}, (100, 50)),
        ("travel", {"other": ()}, (100, 25)),
    ],
)
def test_routing_each_criterion_decides_by_its_weight(
    criterion: str, better: Mapping[str, Any], points: tuple[int, int]
) -> None:
    own = {name: better[name] for name in ("skills", "regions") if name in better}
    other = {"regions": better["other"]} if "other" in better else {}
    staff = staff_of(replace(LI, **own), replace(ZHAO, **other), WANG, **better.get("loads", {}))
    staff.visitors = better.get("visitors", {})
    ticket = replace(OPENED, skills=("compressor",))
    ranking = route(ticket, staff, ASSIGNING, START)
    rows = {one.person: one for one in ranking.rows}
    assert (getattr(rows["李工"], criterion), getattr(rows["赵工"], criterion)) == points
    places = [one.person for one in ranking.rows]
    assert places.index("李工") < places.index("赵工")
    only = RoutingWeights(**{**dict.fromkeys(("load", "skill", "device", "first_fix", "travel"), 0), criterion: 100})
    rules = replace(ASSIGNING, routing=replace(ASSIGNING.routing, weights=only))
    scored = {one.person: one.score for one in route(ticket, staff, rules, START).rows}
    assert (scored["李工"], scored["赵工"]) == (100 * points[0], 100 * points[1])


def test_routing_of_equals_whoever_was_idle_for_longest_comes_first_then_by_name() -> None:
    hour = timedelta(hours=1)
    loads = {"李工": PersonLoad(assigned_at=START), "赵工": PersonLoad(assigned_at=START - hour)}
    assert [one.person for one in route(OPENED, staff_of(LI, ZHAO, WANG, **loads), ASSIGNING, START).rows] == [
        "王师傅", "赵工", "李工",
    ]  # fmt: skip
    assert [one.person for one in route(OPENED, staff_of(ZHAO, LI, WANG), ASSIGNING, START).rows] == [
        "李工", "王师傅", "赵工",
    ]  # fmt: skip


def test_routing_nobody_suits_for_the_reasons_of_all_and_that_is_an_event_once() -> None:
    staff = staff_of(replace(LI, regions=("华南",)), WANG, 王师傅=PersonLoad(open_tickets=9))
    (event,) = routed(OPENED, staff, ASSIGNING, START)
    assert isinstance(event, TicketRouted)
    assert (event.person, event.unroutable) == ("", "region,full")
    known = replace(OPENED, routing=replace(OPENED.routing, unroutable="region,full"))
    assert routed(known, staff, ASSIGNING, START) == ()
    assert routed(known, staff_of(LI, WANG), ASSIGNING, START)[1:] != ()
    (nobody,) = routed(OPENED, Staff(), ASSIGNING, START)
    assert isinstance(nobody, TicketRouted)
    assert nobody.unroutable == "nobody"


def test_routing_modes_suggest_once_assign_with_the_whole_table_or_do_nothing() -> None:
    staff = staff_of(LI, WANG)
    assert routed(OPENED, staff, replace(ASSIGNING, routing=RoutingRules()), START) == ()
    modes = RoutingRules(mode=RoutingMode.ASSIGN, types={"hardware_fault": RoutingMode.SUGGEST})
    by_type = replace(ASSIGNING, routing=modes)
    (suggested,) = routed(OPENED, staff, by_type, START)
    assert isinstance(suggested, TicketRouted)
    assert (suggested.mode, suggested.person) == (RoutingMode.SUGGEST, "李工")
    known = replace(OPENED, routing=replace(OPENED.routing, suggested="李工"))
    assert routed(known, staff, by_type, START) == ()
    table, assigned = routed(known, staff, ASSIGNING, START)
    assert isinstance(table, TicketRouted)
    assert isinstance(assigned, TicketAssigned)
    assert [one.person for one in table.ranking] == ["李工", "王师傅"]
    assert (assigned.assignee.person, assigned.assignee.contact, assigned.assignee.backup_person) == (
        "李工", LI.contact, "王师傅",
    )  # fmt: skip
    assert (RoutingRules().is_on, modes.is_on, RoutingRules(types={"x": RoutingMode.SUGGEST}).is_on) == (
        False, True, True,
    )  # fmt: skip


def test_routing_a_long_table_is_cut_and_says_how_much() -> None:
    many = [replace(LI, person=f"工{number:03}") for number in range(LISTED_MAX + 7)]
    event = routed(OPENED, staff_of(WANG, *many), ASSIGNING, START)[0]
    assert isinstance(event, TicketRouted)
    assert (len(event.ranking), event.more) == (LISTED_MAX, 8)


async def test_routing_the_bus_assigns_what_waits_and_by_hand_wins() -> None:
    store = MemoryStore()
    store.people = {one.person: one for one in (LI, WANG)}
    dispatcher = Dispatcher(store=store, rules=ROUTING_RULES, now=lambda: START)
    (opened,) = await dispatcher.dispatch([request(OPEN, 1)])
    ticket_id = accepted(opened)
    by_bus: dict[str, Any] = {"ticket_id": ticket_id, "actor": BUS, "source": "bus"}
    await dispatcher.dispatch([request(RouteTicket(), 2, **by_bus)])
    ticket = await store.ticket(ticket_id)
    assert ticket is not None
    assert (ticket.state, ticket.assignee.person, ticket.assigner, ticket.routing.suggested) == (
        State.ASSIGNED, "李工", BUS, "",
    )  # fmt: skip
    (late,) = await dispatcher.dispatch([request(RouteTicket(), 3, **by_bus)])
    assert getattr(late, "error", None) is not None, "what somebody has is not routed"


@any_of(
    capacities=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    batches=st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
async def test_routing_never_overfills_anybody_also_within_one_batch(capacities: list[int], batches: list[int]) -> None:
    people = [replace(LI, person=f"工{n}", backup=f"工{(n + 1) % len(capacities)}", capacity=capacity)
              for n, capacity in enumerate(capacities)]  # fmt: skip
    store = MemoryStore()
    store.people = {one.person: one for one in people}
    dispatcher = Dispatcher(store=store, rules=ROUTING_RULES, now=lambda: START)
    number = 0
    for size in batches:
        openings, routes = list[Request](), list[Request]()
        for _ in range(size):
            number += 1
            key = replace(OPEN.incident_key, value=f"SN-{number}")
            openings.append(request(replace(OPEN, incident_key=key, source_no=f"C-{number}"), number))
        for outcome in await dispatcher.dispatch(openings):
            routes.append(request(RouteTicket(), 1_000 + len(routes) + 100 * number, ticket_id=accepted(outcome)))
        await dispatcher.dispatch(routes)
        held = {name: load.open_tickets for name, load in store.staff().loads.items()}
        assert all(held[one.person] <= one.capacity for one in people)
        if len(people) > 1:
            assert sum(held.values()) == min(number, sum(capacities))
