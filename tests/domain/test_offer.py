"""An offer ends unless it is claimed in time, never early; who missed it does not get it again (R5, R9)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bus.domain.batch import Accepted
from bus.domain.commands import Accept, Assign, Command, Depart, Note, Return, Start
from bus.domain.drift import DriftReason, drifted
from bus.domain.events import TicketAssigned, TicketReturned
from bus.domain.inside_commands import RouteTicket, WithdrawOffer
from bus.domain.people import Person
from bus.domain.routed import RankedPerson, TicketRouted, Unfit
from bus.domain.routing import PersonLoad, Staff
from bus.domain.routing_rules import RoutingMode, RoutingRules
from bus.domain.terms import BUS, State
from bus.domain.ticket import Ticket
from tests.domain.given import Story
from tests.domain.people import ASSIGN, MINUTE, OPEN, REOPEN, RESOLVE, RULES, START
from tests.people.staff import LI, WANG, ZHAO

WITHIN = timedelta(minutes=4)
OFFERING = replace(RULES, routing=RoutingRules(mode=RoutingMode.OFFER, claim_within=WITHIN))
END = START + WITHIN


class Offered:
    """A ticket that is offered to people, one after the other."""

    def __init__(self, *people: Person) -> None:
        self.told = Story(OFFERING)
        self.told.when(OPEN)
        self.told.loaded.staff = Staff(
            people={one.person: one for one in people}, loads={one.person: PersonLoad() for one in people}
        )
        self.ask(RouteTicket())

    def ask(self, command: Command, at: datetime = START) -> list[Any]:
        """Ask, the bus's own commands in its name; gives what happened."""
        by_bus = isinstance(command, WithdrawOffer | RouteTicket)
        told = self.told.when(command, at=at, actor=BUS if by_bus else "陈女士")
        assert isinstance(told.outcome, Accepted), told.outcome
        return told.events

    @property
    def ticket(self) -> Ticket:
        """Give the ticket as it is."""
        return self.told.ticket

    def reason(self, person: str, at: datetime) -> Unfit | None:
        """Route once more; gives what keeps somebody from the ticket."""
        table = next(one for one in self.ask(RouteTicket(), at) if isinstance(one, TicketRouted))
        (row,) = (one for one in table.ranking if one.person == person)
        assert isinstance(row, RankedPerson)
        return row.unfit


def test_offer_is_an_assignment_until_it_is_to_be_claimed_and_goes_on_to_the_next_of_the_table() -> None:
    one = Offered(LI, WANG)
    ticket = one.ticket
    assert (ticket.state, ticket.assignee.person, ticket.routing.claim_due_at) == (State.ASSIGNED, "李工", END)
    assert one.ask(WithdrawOffer(), END - timedelta(microseconds=1)) == [], "never early"
    (back,) = one.ask(WithdrawOffer(), END)
    assert isinstance(back, TicketReturned)
    assert (back.state, back.previous_person, back.claim_missed) == (State.PENDING, "李工", True)
    assert (one.ticket.state, one.ticket.missed_claims, one.ticket.routing.missed_by) == (State.PENDING, 1, ("李工",))
    table, again = one.ask(RouteTicket(), END + MINUTE)
    assert [(row.person, row.unfit) for row in table.ranking] == [("王师傅", None), ("李工", Unfit.MISSED)]
    assert isinstance(again, TicketAssigned)
    assert (again.assignee.person, again.claim_due_at) == ("王师傅", END + MINUTE + WITHIN)


def test_offer_two_claims_missed_in_a_row_drift_and_nobody_is_asked_twice() -> None:
    one = Offered(LI, WANG)
    one.ask(WithdrawOffer(), END)
    one.ask(RouteTicket(), END)
    second = END + WITHIN
    assert drifted(one.ticket, second) is None
    late = drifted(one.ticket, second + timedelta(seconds=1))
    assert late is not None
    assert late.reasons == (DriftReason.CLAIMS_MISSED,), "the time of the offer counts, not the usual 15 minutes"
    one.ask(WithdrawOffer(), second)
    assert one.ticket.missed_claims == 2
    (table,) = one.ask(RouteTicket(), second)
    assert (table.person, table.unroutable) == ("", "claim_missed"), "nobody is left: people are to look"
    assert one.ask(RouteTicket(), second + MINUTE) == [], "for the same reason: no event again"
    waiting = drifted(one.ticket, second)
    assert waiting is not None
    assert waiting.reasons == (DriftReason.CLAIMS_MISSED,)


@pytest.mark.parametrize("claim", [Accept(), Depart(), Start()])
def test_offer_whoever_claims_or_begins_in_time_keeps_it(claim: Command) -> None:
    one = Offered(LI, WANG)
    one.ask(claim, END - MINUTE)
    assert one.ticket.routing.claim_due_at is None
    assert one.told.when(WithdrawOffer(), at=END + MINUTE, actor=BUS).events == []
    assert one.ticket.assignee.person == "李工"


def test_offer_by_hand_wins_and_what_somebody_was_given_by_hand_is_not_taken_back() -> None:
    one = Offered(LI, WANG)
    one.ask(replace(ASSIGN, assignee=replace(ASSIGN.assignee, person="赵工")), START + MINUTE)
    assert (one.ticket.assignee.person, one.ticket.routing.claim_due_at) == ("赵工", None)
    assert one.ask(WithdrawOffer(), END + MINUTE) == []
    noted = Offered(LI, WANG)
    noted.ask(Note(text="客户来电"), START + MINUTE)
    assert noted.ticket.routing.claim_due_at == END, "a remark is no claim"


def test_offer_who_missed_it_may_have_it_again_once_somebody_has_claimed_it() -> None:
    one = Offered(LI, WANG, ZHAO)
    one.ask(WithdrawOffer(), END)
    assert one.reason("李工", END) is Unfit.MISSED
    holder = one.ticket.assignee.person
    one.ask(Return(reason="不在本区"), END + MINUTE)
    assert one.reason("李工", END + MINUTE) is Unfit.MISSED, "to send it back is no claim"
    one.ask(Accept(), END + 2 * MINUTE)
    one.ask(Return(reason="配件不符"), END + 3 * MINUTE)
    assert one.reason("李工", END + 3 * MINUTE) is None
    assert one.ticket.routing.sent_back_by[0] == holder


def test_offer_a_ticket_that_is_reopened_is_offered_to_nobody() -> None:
    one = Offered(LI, WANG)
    for command in (Start(), RESOLVE, REOPEN):
        one.ask(command, END - MINUTE)
    assert (one.ticket.state, one.ticket.routing.claim_due_at) == (State.ASSIGNED, None)
    assert one.ask(WithdrawOffer(), END + MINUTE) == []


def test_offer_in_mode_assign_has_no_end() -> None:
    told = Story(replace(OFFERING, routing=replace(OFFERING.routing, mode=RoutingMode.ASSIGN)))
    told.when(OPEN)
    told.loaded.staff = Staff(people={"李工": LI, "王师傅": WANG}, loads={"李工": PersonLoad()})
    told.when(RouteTicket(), actor=BUS, source="bus")
    assert (told.ticket.assignee.person, told.ticket.routing.claim_due_at) == ("李工", None)
    told.when(Assign(assignee=ASSIGN.assignee, reason="改派"))
    assert told.when(WithdrawOffer(), at=END + MINUTE, actor=BUS).events == []
