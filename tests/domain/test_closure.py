"""Solving and closing: photo, summary, one of 23 root causes (R14), and the double signature (R20)."""

from dataclasses import replace

import pytest

from bus.domain.closing_commands import ConfirmClosure, RejectClosure, Reopen, RequestClosure, Tag
from bus.domain.closing_events import (
    ClosureConfirmed,
    ClosureRejected,
    ClosureRequested,
    TicketReopened,
    TicketResolved,
    TicketTagged,
)
from bus.domain.commands import Accept, AddEvidence, Command, Return, Start
from bus.domain.events import AssignmentAccepted
from bus.domain.terms import ConfirmedVia, EvidenceKind, State, Tick
from tests.domain.given import At, given
from tests.domain.people import (
    ASKED_TO_CLOSE,
    CLOSED,
    CONFIRM,
    HOUR,
    MINUTE,
    REOPEN,
    RESOLVE,
    RESOLVED,
    RULES,
    START,
    WANG,
    WORKING,
)

PHOTO = AddEvidence(kind=EvidenceKind.PHOTO, uri="photo://1")
ASKED = ClosureRequested(note="请确认", remind_at=(START + 24 * HOUR, START + 48 * HOUR), expires_at=START + 168 * HOUR)
REJECT = RejectClosure(rejected_by="陈女士", reason="仍有异响")


def test_closure_photos_in_evidence_count_and_are_named_once() -> None:
    bare = replace(RESOLVE, photos=())
    solved = TicketResolved(photos=("photo://1",), summary="更换主控板", root_cause="control_board")
    given(*WORKING, PHOTO).when(bare).then(solved)
    given(*WORKING, PHOTO).when(RESOLVE).then(solved)
    given(*WORKING, replace(PHOTO, kind=EvidenceKind.VIDEO)).when(bare).then_refused("missing", "photos")


def test_closure_a_photo_without_an_address_is_no_photo() -> None:
    given(*WORKING).when(replace(RESOLVE, photos=("", " "))).then_refused("missing", "photos")


@pytest.mark.parametrize("cause", sorted(RULES.root_causes))
def test_closure_every_root_cause_of_the_list_is_taken(cause: str) -> None:
    assert given(*WORKING).when(replace(RESOLVE, root_cause=cause)).then(TicketResolved).ticket.root_cause == cause


def test_closure_a_root_cause_outside_the_list_is_refused_with_the_nearest() -> None:
    refusal = (
        given(*WORKING).when(replace(RESOLVE, root_cause="controlboard")).then_refused("unknown_word", "root_cause")
    )
    assert refusal.context["nearest"] == "control_board"
    given(*WORKING).when(replace(RESOLVE, root_cause="暂无法解决")).then_refused("unknown_word", "root_cause")


def test_closure_the_handler_asks_before_the_customer_signs() -> None:
    given(*RESOLVED).when(CONFIRM).then_refused("missing", "closure_requested")
    given(*RESOLVED).when(RequestClosure(note="请确认")).then(ASKED)
    given(*ASKED_TO_CLOSE).when(RequestClosure()).then_refused("already", "closure")


def test_closure_three_ticks_close_the_ticket() -> None:
    story = given(*ASKED_TO_CLOSE).when(At(START + MINUTE, CONFIRM))
    ticket = story.then(ClosureConfirmed(confirmed_by="陈女士", ticks=tuple(Tick), via=ConfirmedVia.CONSOLE)).ticket
    assert (ticket.state, ticket.closed_at, ticket.resolved_at) == (State.CLOSED, START + MINUTE, START)


@pytest.mark.parametrize("tick", Tick)
def test_closure_two_ticks_do_not(tick: Tick) -> None:
    two = ConfirmClosure(confirmed_by="陈女士", ticks=tuple(one for one in Tick if one is not tick))
    given(*ASKED_TO_CLOSE).when(two).then_refused("missing", f"ticks.{tick.value}")


def test_closure_nobody_closes_anonymously() -> None:
    given(*ASKED_TO_CLOSE).when(replace(CONFIRM, confirmed_by=" ")).then_refused("missing", "confirmed_by")


def test_closure_a_customer_who_does_not_sign_sends_the_work_on() -> None:
    story = given(*ASKED_TO_CLOSE).when(REJECT).then(ClosureRejected)
    ticket = story.ticket
    assert (ticket.state, ticket.resolved_at, ticket.closure_requested) == (State.IN_PROGRESS, None, False)
    assert (ticket.assignee, ticket.reopens) == (WANG, 1)


def test_closure_after_a_reopening_both_sign_again() -> None:
    story = given(*CLOSED).when(REOPEN).then(TicketReopened(reason="又不制冷"))
    assert (story.ticket.state, story.ticket.closed_at, story.ticket.reopens) == (State.ASSIGNED, None, 1)
    again = given(*CLOSED, REOPEN, Start(), RESOLVE)
    again.when(CONFIRM).then_refused("missing", "closure_requested")


def test_closure_what_is_reopened_is_claimed_again() -> None:
    given(*CLOSED, REOPEN).when(Accept()).then(AssignmentAccepted)


def test_closure_a_reopened_ticket_without_a_handler_waits_in_the_queue() -> None:
    story = given(*CLOSED, Return(reason="assigned_to: ?"), historic=True)
    assert story.when(Reopen(reason="又坏"), historic=True).then(TicketReopened).ticket.state is State.PENDING


def test_closure_a_reason_of_rejection_is_of_the_list_r20() -> None:
    coded = replace(REJECT, reason_code="came_back")
    rejected = ClosureRejected(
        rejected_by="陈女士", reason="仍有异响", reason_code="came_back", via=ConfirmedVia.CONSOLE
    )
    given(*ASKED_TO_CLOSE).when(coded).then(rejected)
    wrong = given(*ASKED_TO_CLOSE).when(replace(REJECT, reason_code="cameback"))
    assert wrong.then_refused("unknown_word", "reason_code").context["nearest"] == "came_back"


@pytest.mark.parametrize("course", [RESOLVED, ASKED_TO_CLOSE, CLOSED])
def test_closure_scene_tags_are_of_the_list_and_replace_those_before_r23(course: tuple[Command, ...]) -> None:
    story, both = given(*course), ("after_move", "peak_season")
    story.when(Tag(tags=(*both, "after_move"))).then(TicketTagged(tags=both, previous=()))
    story.when(Tag(tags=both)).then()
    story.when(Tag(tags=("batch_problem",))).then(TicketTagged(tags=("batch_problem",), previous=both))
    assert story.ticket.tags == ("batch_problem",)
    story.when(Tag()).then(TicketTagged(tags=(), previous=("batch_problem",)))


def test_closure_a_scene_tag_that_is_none_or_comes_too_early_is_refused_r23() -> None:
    refusal = given(*RESOLVED).when(Tag(tags=("aftermove",))).then_refused("unknown_word", "tags")
    assert refusal.context["nearest"] == "after_move"
    given(*WORKING).when(Tag(tags=("after_move",))).then_refused("not_now")
