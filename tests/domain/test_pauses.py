"""Waiting for somebody else: pause, change of reason, resume, and spare parts (R7)."""

from dataclasses import replace

import pytest

from bus.domain.closing_events import TicketResolved
from bus.domain.commands import IssueParts, Pause, RefuseParts, RequestParts, Start
from bus.domain.events import PartsIssued, PartsRefused, PartsRequested, PauseReasonChanged, WorkPaused, WorkResumed
from bus.domain.terms import Substate, WaitingFor
from bus.domain.values import Part
from tests.domain.given import given
from tests.domain.people import PART, PAUSE, PAUSED, RESOLVE, RESUME, WORKING

ASK = RequestParts(parts=(PART,), request_no="PR-1", reason="主控板烧毁")
ISSUE = IssueParts(request_no="PR-1", document_no="CK-1", parts=(PART,))


def test_pause_names_whom_it_waits_for() -> None:
    story = given(*WORKING).when(PAUSE).then(WorkPaused(waiting_for=WaitingFor.CUSTOMER, reason="客户不在家"))
    assert (story.ticket.paused_for, story.ticket.pauses) == (WaitingFor.CUSTOMER, 1)


def test_pauses_another_reason_is_no_second_pause() -> None:
    vendor = Pause(waiting_for=WaitingFor.THIRD_PARTY, reason="等厂家")
    changed = PauseReasonChanged(waiting_for=WaitingFor.THIRD_PARTY, reason="等厂家")
    story = given(*PAUSED).when(vendor).then(changed)
    assert (story.ticket.paused_for, story.ticket.pauses) == (WaitingFor.THIRD_PARTY, 1)
    given(*PAUSED).when(PAUSE).then_refused("already", "waiting_for")


def test_pauses_a_resume_ends_a_pause_and_nothing_else() -> None:
    assert given(*PAUSED).when(RESUME).then(WorkResumed(reason="客户已回")).ticket.paused_for is None
    given(*WORKING).when(RESUME).then_refused("already", "paused")


def test_pauses_solving_ends_a_pause() -> None:
    assert given(*PAUSED).when(RESOLVE).then(TicketResolved).ticket.paused_for is None


def test_pauses_parts_are_asked_for_and_the_ticket_waits_for_them() -> None:
    asked = PartsRequested(request_no="PR-1", parts=(PART,), reason="主控板烧毁")
    story = given(*WORKING).when(ASK).then(asked, WorkPaused(waiting_for=WaitingFor.PARTS, reason="主控板烧毁"))
    assert (story.ticket.substate, story.ticket.paused_for) == (Substate.PARTS, WaitingFor.PARTS)


def test_pauses_a_ticket_that_waits_already_is_not_paused_again_for_parts() -> None:
    story = given(*PAUSED).when(ASK).then(PartsRequested)
    assert (story.ticket.paused_for, story.ticket.pauses) == (WaitingFor.CUSTOMER, 1)


def test_pauses_a_request_without_a_number_gets_one() -> None:
    told = given(*WORKING).when(replace(ASK, request_no=""))
    (event, _) = told.events
    assert isinstance(event, PartsRequested)
    assert event.request_no == str(told.accepted.command_id)


def test_pauses_the_store_s_answer_ends_the_wait_for_parts() -> None:
    issued = PartsIssued(request_no="PR-1", document_no="CK-1", parts=(PART,))
    given(*WORKING, ASK).when(ISSUE).then(issued, WorkResumed(reason="CK-1"))
    refused = PartsRefused(request_no="PR-1", reason="缺货")
    given(*WORKING, ASK).when(RefuseParts(request_no="PR-1", reason="缺货")).then(refused, WorkResumed(reason="缺货"))


def test_pauses_the_store_s_answer_ends_no_other_wait() -> None:
    given(*PAUSED).when(ISSUE).then(PartsIssued)
    given(*WORKING).when(ISSUE).then(PartsIssued)


@pytest.mark.parametrize("quantity", [0, -1, 2**31, 10**30])
def test_pauses_a_quantity_is_a_number_of_pieces(quantity: int) -> None:
    odd = (Part(part_no="PCB-02", quantity=quantity),)
    given(*WORKING).when(replace(ASK, parts=odd)).then_refused("out_of_range", "parts.quantity")
    given(*WORKING).when(replace(ISSUE, parts=odd)).then_refused("out_of_range", "parts.quantity")


def test_pauses_work_may_go_on_in_another_way_while_it_waits() -> None:
    assert given(*WORKING, ASK).when(Start(substate=Substate.ON_SITE)).accepted.version == 6
