"""The code of a closure once more, and a customer who declines by it (R20)."""

from dataclasses import replace
from datetime import timedelta

from bus.domain.closing_commands import AskClosureCode, RejectClosure, RequestClosure
from bus.domain.closing_events import ClosureCodeAsked, ClosureCodeRefused, ClosureConfirmed, ClosureRejected
from bus.domain.closure_proof import CODE_TRIES
from bus.domain.decide_confirming import CODE_AGAIN_AFTER, CODES_MAX
from bus.domain.terms import CUSTOMER_PAGE, ConfirmedVia, State
from tests.domain.given import At, given
from tests.domain.people import CONFIRM, MINUTE, RESOLVED, START, TICK_OF_TIME
from tests.domain.test_closing_by_two import asked, code, wrong

REJECT = RejectClosure(rejected_by="陈女士", reason="仍有异响")
ASK = AskClosureCode()


def test_closing_code_is_sent_again_once_a_minute_and_five_times_a_request_r20() -> None:
    given(*RESOLVED).when(ASK).then_refused("missing", "closure_requested")
    story, at = asked(), START + MINUTE
    acted_at = story.ticket.acted_at
    for number in range(1, CODES_MAX + 1):
        story.when(At(at, ASK)).then(ClosureCodeAsked(number=number))
        if number < CODES_MAX:
            story.when(At(at + CODE_AGAIN_AFTER - TICK_OF_TIME, ASK)).then_refused("already", "code")
        at += CODE_AGAIN_AFTER
    assert story.ticket.acted_at == acted_at, "a code is no work on the ticket (R9)"
    story.when(At(at, ASK)).then_refused("codes_spent", "code")
    story.when(At(at, REJECT)).then(ClosureRejected)
    for command in (*RESOLVED[-2:], RequestClosure()):
        story.when(At(at, command))
    story.when(At(at, ASK)).then(ClosureCodeAsked(number=1)), "of a new request"


def test_closing_code_that_would_not_be_taken_is_not_sent_r20() -> None:
    asked().when(At(START + timedelta(days=7), ASK)).then_refused("code_expired", "code")
    story = asked()
    for _ in range(CODE_TRIES):
        story.when(wrong(story.ticket), source=CUSTOMER_PAGE)
    story.when(ASK).then_refused("code_locked", "code")


def test_closing_code_proves_a_no_as_it_proves_a_yes_r20() -> None:
    story = asked()
    no = replace(REJECT, code=wrong(story.ticket).code)
    refused = story.when(no, source=CUSTOMER_PAGE)
    assert refused.events == [ClosureCodeRefused(left=CODE_TRIES - 1)]
    assert story.ticket.state is State.RESOLVED
    story.when(replace(no, code="12"), source=CUSTOMER_PAGE).then_refused("out_of_range", "code")
    [event] = story.when(replace(no, code=code(story.ticket)), source=CUSTOMER_PAGE).events
    assert event == ClosureRejected(rejected_by="陈女士", reason="仍有异响", via=ConfirmedVia.CODE)
    again = asked()
    [event] = again.when(replace(CONFIRM, code=code(again.ticket)), source=CUSTOMER_PAGE).events
    assert isinstance(event, ClosureConfirmed)
    assert event.via is ConfirmedVia.CODE
