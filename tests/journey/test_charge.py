"""Time is charged to whom it belongs, and the sums are the ticket's age to the second. Pure."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bus.domain.closing_events import ClosureConfirmed, ClosureRequested, TicketReopened, TicketResolved
from bus.domain.events import (
    Event,
    NoteAdded,
    PartsIssued,
    PartsRequested,
    TicketAssigned,
    TicketOpened,
    WorkPaused,
    WorkResumed,
    WorkStarted,
)
from bus.domain.terms import KeyKind, Substate, WaitingFor
from bus.domain.values import Assignee, Customer, IncidentKey
from bus.journey.charge import NO_TIME, ChargedTo, LifeEvent, charge, charge_within
from tests.domain.people import START
from tests.schemas.codecs import recorded

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
OPENED = TicketOpened(
    source_no="C-1", incident_key=IncidentKey(kind=KeyKind.ORDER, value="O-1"), title="漏水", description="",
    type="hardware_fault", region="", skills=(), priority="", serial="", customer=Customer(), opened_at=START,
    response_limit_s=900, resolution_limit_s=86_400,
)  # fmt: skip
ASSIGNED = TicketAssigned(assignee=Assignee(person="王工"), previous_person="", reason="")
HANDED_OVER = TicketAssigned(assignee=Assignee(person="李工"), previous_person="王工", reason="")
WORKING = WorkStarted(substate=Substate.ON_SITE, reason="")
WAITS_FOR_PARTS = WorkStarted(substate=Substate.PARTS, reason="")
ASKED_FOR_PARTS = PartsRequested(request_no="R-1", parts=(), reason="")
ISSUED = PartsIssued(request_no="R-1", document_no="D-1", parts=())
PAUSED = WorkPaused(waiting_for=WaitingFor.CUSTOMER, reason="")
RESUMED = WorkResumed(reason="")
RESOLVED = TicketResolved(photos=(), summary="", root_cause="worn_part")
TO_CLOSE, CLOSED = ClosureRequested(note=""), ClosureConfirmed(confirmed_by="李女士", ticks=())
REOPENED, NOTED = TicketReopened(reason=""), NoteAdded(text="", changed=())


def life_of(*events: tuple[float, Event], late_s: float = 0, published_s: float = 0) -> list[LifeEvent]:
    """Let events happen at minutes; each is heard of `late_s` after, and published `published_s` after that."""
    life = []
    for version, (minute, event) in enumerate(events, 1):
        at = START + minute * MINUTE
        heard = at + late_s * SECOND
        life.append(
            LifeEvent(
                recorded=recorded(event, version=version, occurred_at=at, recorded_at=heard),
                received_at=heard,
                published_at=heard + published_s * SECOND,
            )
        )
    return life


def minutes(life: list[LifeEvent], until: float, since: float = -1e6) -> dict[str, float]:
    """Give the minutes of those who have any."""
    charged = charge(life, START + until * MINUTE, START + since * MINUTE)
    return {party.value: time / MINUTE for party, time in charged.items() if time}


def test_charge_follows_whose_turn_it_is_and_stops_while_it_is_closed() -> None:
    life = life_of(
        (0, OPENED), (10, ASSIGNED), (15, WORKING), (20, NOTED), (30, PAUSED), (50, RESUMED), (60, WAITS_FOR_PARTS),
        (90, WORKING), (100, RESOLVED), (105, TO_CLOSE), (120, CLOSED), (500, REOPENED), (507, NOTED),
    )  # fmt: skip
    wanted = {"source": 10, "engineer": 20 + 10 + 15 + 10, "customer": 20 + 15, "parts": 30}
    assert minutes(life, 510) == wanted
    assert sum(wanted.values()) == 120 + 10


def test_charge_the_way_to_who_is_next_is_the_sources_and_the_buss() -> None:
    life = life_of((0, OPENED), (10, ASSIGNED), late_s=60, published_s=120)
    assert minutes(life, 30) == {"source": 1 + 7 + 1, "bus": 2 + 2, "engineer": 17}
    waiting = [life[0], replace(life[1], published_at=None, unpublished=True)]
    assert minutes(waiting, 30) == {"source": 1 + 7 + 1, "bus": 2 + 19}


def test_charge_parts_are_the_targets_until_it_has_heard_of_them() -> None:
    life = life_of((0, OPENED), (0, ASSIGNED), (0, WORKING), (10, WAITS_FOR_PARTS))
    given_late = replace(life[3], delivered_at=START + 25 * MINUTE)
    assert minutes([*life[:3], given_late], 40) == {"engineer": 10, "target": 15, "parts": 15}
    assert minutes([*life[:3], replace(life[3], undelivered=True)], 40) == {"engineer": 10, "target": 30}


def test_charge_a_handover_is_on_its_way_anew_and_a_remark_is_not() -> None:
    life = life_of((0, OPENED), (10, ASSIGNED), (20, NOTED), (30, HANDED_OVER), published_s=60)
    assert minutes(life, 40) == {"source": 9, "bus": 3, "engineer": 19 + 9}


def test_charge_within_a_day_is_what_of_it_falls_there() -> None:
    life = life_of((0, OPENED), (10, ASSIGNED), (30, PAUSED), (60, RESUMED))
    days = [minutes(life, end, end - 20) for end in (20, 40, 60, 80)]
    assert days == [
        {"source": 10, "engineer": 10},
        {"engineer": 10, "customer": 10},
        {"customer": 20},
        {"engineer": 20},
    ]
    assert minutes(life, -5) == {}


def test_charge_of_what_counts_towards_a_promise_leaves_out_the_rest_r7() -> None:
    life = life_of((0, OPENED), (10, ASSIGNED), (30, PAUSED), (60, RESUMED), published_s=120)
    counted = [(START + since * MINUTE, START + until * MINUTE) for since, until in ((5, 20), (60, 70))]
    charged = charge_within(life, counted)
    assert {party.value: time / MINUTE for party, time in charged.items() if time} == {
        "source": 5,
        "bus": 2 + 2,
        "engineer": 8 + 8,
    }
    assert sum(charged.values(), NO_TIME) == 25 * MINUTE


def test_charge_an_imported_past_has_no_way_through_the_bus() -> None:
    life = life_of((0, OPENED), (10, ASSIGNED), late_s=86_400)
    past = [replace(one, recorded=replace(one.recorded, historic=True)) for one in life]
    assert minutes(past, 30) == {"source": 10, "engineer": 20}


STEPS = st.lists(
    st.tuples(
        st.sampled_from([ASSIGNED, HANDED_OVER, WORKING, WAITS_FOR_PARTS, ASKED_FOR_PARTS, ISSUED, NOTED]),
        st.integers(-600, 7_200),  # a source may be late with what happened early
        st.integers(-60, 600),
        st.integers(0, 600),
        st.none() | st.integers(0, 9_000),
        st.booleans(),
    ),
    max_size=12,
)


@given(steps=STEPS, closed=st.booleans(), more=st.integers(0, 9_000))
def test_charge_sums_to_the_age_whatever_happens(
    steps: list[tuple[Event, int, int, int, int | None, bool]], closed: bool, more: int
) -> None:
    at = newest = START
    life = life_of((0, OPENED))
    for version, (event, after_s, late_s, published_s, delivered_s, unpublished) in enumerate(steps, 2):
        at += after_s * SECOND
        newest = max(newest, at)
        heard = at + late_s * SECOND
        life.append(
            LifeEvent(
                recorded=recorded(event, version=version, occurred_at=at, recorded_at=heard),
                received_at=heard,
                published_at=None if unpublished else heard + published_s * SECOND,
                unpublished=unpublished,
                delivered_at=None if delivered_s is None else heard + delivered_s * SECOND,
                undelivered=delivered_s is None,
            )
        )
    until = newest + more * SECOND
    if closed:
        end = recorded(CLOSED, version=len(life) + 1, occurred_at=until, recorded_at=until)
        life.append(LifeEvent(recorded=end))
    charged = charge(life, until + 99 * SECOND if closed else until)
    assert sum(charged.values(), timedelta(0)) == until - START
    assert min(charged.values()) >= timedelta(0)
    assert [*charged] == [*ChargedTo]
