"""The link to a customer's page: whom it lets in, what revoking and closing end, and how often may be asked (R16)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from bus.domain.closure_proof import PageClaim, closure_key, token_of
from bus.domain.commands import Arrive, AskProgress, Command, Depart, Note
from bus.domain.customer_link import LinkClaim, customer_links, ends_at, link_claim, link_key, link_token, opens
from bus.domain.customer_link_commands import RevokeCustomerLink
from bus.domain.customer_link_events import CustomerLinkRevoked
from bus.domain.events import ProgressAsked
from bus.domain.terms import CUSTOMER_PAGE, TicketId
from tests.domain.given import At, Story, Told, given
from tests.domain.people import ASSIGN, CLOSED, HOUR, MINUTE, OPEN, REOPEN, RULES, START, WORKING

KEY = link_key(b"m" * 32)
CLAIM = LinkClaim(ticket_id=TicketId("T20261122-000001"), number=0)
LINKS = RULES.customer_link


def test_customer_link_names_one_ticket_and_one_number_r16() -> None:
    token = link_token(KEY, CLAIM)
    assert link_claim(KEY, token) == CLAIM
    assert len(token.rpartition(".")[2]) * 6 >= 128
    other = link_token(KEY, replace(CLAIM, ticket_id=TicketId("T20261122-000002")))
    wrong = [
        token.replace("000001", "000002"),
        token.replace(".0.", ".1."),
        f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}",
        token[:-1],
        f"{token}A",
        token.rpartition(".")[0],
        "",
        ".",
        "T20261122-000001.0.",
        "x" * 5000,
        "é.0.é",
        token_of(closure_key(b"m" * 32), PageClaim(ticket_id=CLAIM.ticket_id, version=0, expires_at=START)),
    ]
    assert [one for one in wrong if link_claim(KEY, one) is not None] == []
    assert link_claim(link_key(b"n" * 32), token) is None
    assert link_claim(b"", link_token(b"", CLAIM)) is None


@any_of(st.text(max_size=200))
def test_customer_link_no_text_is_one_by_chance_r16(text: str) -> None:
    assert link_claim(KEY, text) is None


def test_customer_link_is_made_where_there_is_a_page_and_the_same_each_time_r16() -> None:
    ticket = given(OPEN).ticket
    links = customer_links(KEY, "https://t.example/")
    assert links.link(ticket) == links.link(ticket) == f"https://t.example/t/{link_token(KEY, CLAIM)}"
    assert customer_links(KEY, "").link(ticket) == customer_links(b"", "https://t.example").link(ticket) == ""
    assert KEY.hex() not in repr(links)


def test_customer_link_ends_when_it_is_revoked_and_the_next_one_opens_r16() -> None:
    story = given(*WORKING)
    story.when(RevokeCustomerLink(reason="发错了人")).then(CustomerLinkRevoked(number=1, reason="发错了人"))
    assert not opens(CLAIM, story.ticket, LINKS, START)
    assert opens(replace(CLAIM, number=1), story.ticket, LINKS, START)
    story.when(RevokeCustomerLink(reason="又发错了人"))
    assert story.ticket.link_number == 2


def test_customer_link_ends_a_while_after_closing_and_opens_again_with_the_ticket_r16() -> None:
    story = given(*CLOSED)
    closed_at = story.ticket.closed_at
    assert closed_at
    end = closed_at + timedelta(days=30)
    assert ends_at(story.ticket, LINKS) == end
    assert opens(CLAIM, story.ticket, LINKS, end - MINUTE)
    assert not opens(CLAIM, story.ticket, LINKS, end)
    story.when(REOPEN)
    assert opens(CLAIM, story.ticket, LINKS, end + HOUR)


def on_page(story: Story, minutes: int) -> Told:
    """Ask on the page so many minutes after the start."""
    at = START + minutes * MINUTE
    return story.when(AskProgress(), source=CUSTOMER_PAGE, at=at, received_at=at)


def test_customer_page_a_question_is_taken_once_an_hour_r16_r28() -> None:
    story = given(OPEN)
    assert ProgressAsked in map(type, on_page(story, 10).events)
    on_page(story, 69).then_refused("already", "asked")
    assert ProgressAsked in map(type, on_page(story, 70).events)
    assert story.ticket.asked == 2


def test_customer_page_waits_after_a_question_that_came_another_way_and_holds_up_none_r28() -> None:
    story = given(OPEN)
    at = START + MINUTE
    for _ in range(2):
        story.when(AskProgress(asked_by="陈女士"), at=at, received_at=at).then(ProgressAsked)
    on_page(story, 5).then_refused("already", "asked")


@pytest.mark.parametrize(
    ("after", "kept"),
    [((), True), ((Note(text="堵车"),), True), ((Arrive(),), False), ((ASSIGN,), False)],
)
def test_customer_page_a_visit_is_expected_as_long_as_the_engineer_is_on_the_way_r16(
    after: tuple[Command, ...], kept: bool
) -> None:
    story = given(OPEN, ASSIGN, At(START + MINUTE, Depart(expected_at=START + HOUR)), *after)
    assert story.ticket.visit_at == (START + HOUR if kept else None)
