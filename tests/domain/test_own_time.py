"""What a ticket's own time and an event's size allow: late news bends no clock, and nothing outgrows its record."""

from dataclasses import replace
from datetime import timedelta

from bus.domain.commands import Accept, AddEvidence, Note
from bus.domain.events import NoteAdded, TicketEscalated
from bus.domain.preconditions import PHOTOS_MAX, URI_CHARS_MAX
from bus.domain.promise_events import SlaBreached
from bus.domain.sla_clock import due_at
from bus.domain.terms import BUS, EvidenceKind
from tests.domain.given import At, given
from tests.domain.people import ASSIGN, HOUR, MINUTE, OPEN, PAUSE, RESOLVE, RESUME, START, WORKING

PHOTO = AddEvidence(kind=EvidenceKind.PHOTO, uri="photo://1")


def test_own_time_a_resume_told_as_of_before_its_pause_makes_no_promise_fall_due_early() -> None:
    in_order = given(*WORKING, At(START + HOUR, PAUSE), At(START + HOUR, RESUME)).ticket
    told_late = given(*WORKING, At(START + HOUR, PAUSE), At(START + MINUTE, RESUME)).ticket
    assert due_at(told_late.resolution) == due_at(in_order.resolution)


def test_own_time_a_claim_told_as_of_before_its_assignment_counts_from_there_and_moves_the_ticket_s_time_nowhere() -> (
    None
):
    in_time = given(OPEN, At(START + 10 * MINUTE, ASSIGN), At(START + MINUTE, Accept())).ticket
    assert (in_time.response.breached_at, in_time.response.settled_at) == (None, START + 10 * MINUTE)
    late = given(OPEN, At(START + 20 * MINUTE, ASSIGN), At(START + MINUTE, Accept())).ticket
    assert (late.response.breached_at, late.response.settled_at) == (START + 15 * MINUTE, START + 20 * MINUTE)
    assert late.last_at == late.accepted_at == START + 20 * MINUTE


def test_own_time_a_promise_broken_on_the_way_to_a_command_is_the_bus_s_own_doing() -> None:
    told = given(OPEN).when(At(START + HOUR, Note(text="还没人来")))
    told.then(SlaBreached, TicketEscalated, NoteAdded)
    assert [one.actor for one in told.settled.events] == [BUS, BUS, "陈女士"]
    assert told.story.ticket.last_action == "note.added"


def test_own_time_a_ticket_takes_so_many_photos_and_no_more() -> None:
    photos = [replace(PHOTO, uri=f"photo://{number}") for number in range(PHOTOS_MAX)]
    full = given(*WORKING, *photos)
    full.when(replace(PHOTO, uri="photo://more")).then_refused("out_of_range", "photos")
    full.when(replace(PHOTO, kind=EvidenceKind.VIDEO))
    too_many = tuple(f"photo://{number}" for number in range(PHOTOS_MAX + 1))
    given(*WORKING).when(replace(RESOLVE, photos=too_many)).then_refused("out_of_range", "photos")


def test_own_time_an_address_has_a_length() -> None:
    long = "p" * (URI_CHARS_MAX + 1)
    for command, field in ((replace(PHOTO, uri=long), "uri"), (replace(RESOLVE, photos=(long,)), "photos")):
        given(*WORKING).when(command).then_refused("out_of_range", field)


def test_own_time_the_ticket_s_time_never_runs_backwards() -> None:
    story = given(*WORKING, At(START + HOUR, Note(text="a")), At(START + HOUR - timedelta(minutes=5), Note(text="b")))
    assert story.ticket.last_at == START + HOUR


def test_own_time_a_claim_before_an_opening_of_a_clock_ahead_meets_the_promise_no_earlier_than_that() -> None:
    opened = START + MINUTE
    ticket = given(replace(OPEN, opened_at=opened), At(START, ASSIGN), At(START, Accept())).ticket
    assert ticket.response.settled_at == ticket.accepted_at == ticket.opened_at == opened
