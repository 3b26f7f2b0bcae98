"""The read model `outcomes`, folded purely (R3, R27, R28)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.domain.closing_commands import RejectClosure, RequestClosure
from bus.domain.commands import Accept, Arrive, AskProgress, Assign, Command, Depart, Reclassify, Return, Start
from bus.domain.errors import InvariantBroken
from bus.domain.events import TicketAssigned
from bus.domain.inside_commands import BreachSla, RouteTicket, WarnSla, WithdrawOffer
from bus.domain.terms import SANDBOX, ClockName, KeyKind, Substate
from bus.domain.values import Assignee, IncidentKey
from projections.ticket_outcomes import OUTCOMES, TicketOutcome, project
from tests.domain.given import At
from tests.domain.people import ASSIGN, CLOSED, CONFIRM, OPEN, REOPEN, RESOLVE, RESOLVED, START, ZHAO
from tests.domain.test_offer import END, Offered
from tests.people.staff import LI, WANG
from tests.projections.told import folded, told

ARRIVE = Arrive(place="客户家")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HAND_ON = Assign(assignee=ZHAO, reason="换人")
REJECT = RejectClosure(rejected_by="陈女士", reason="仍有异响")


def outcome(*commands: Command | At) -> TicketOutcome:
    """Fold what comes of commands."""
    row = folded(project, told(*commands))
    assert row is not None
    return row


def test_ticket_outcomes_a_first_closure_keeps_who_solved_it_with_how_many_visits() -> None:
    row = outcome(OPEN, ASSIGN, ARRIVE, RESOLVE, RequestClosure(), CONFIRM)
    assert (row.handlers, row.visits, row.sent_back, row.handlers_unknown) == (("王师傅",), 1, 0, False)
    assert (row.serial, row.key_kind, row.key, row.root_cause) == ("SN-7788", "serial", "SN-7788", "control_board")
    assert (row.opened_at, row.resolved_at, row.closed_at, row.reopened_at) == (START, START, START, None)
    of_batch = outcome(replace(OPEN, product="ｗｍ-9 ", batch=" b–24 "))
    assert (of_batch.product, of_batch.batch) == ("WM-9", "B-24"), "both have one spelling, as serials have"
    of_none = outcome(replace(OPEN, product="未知", batch="N/A"))
    assert (of_none.product, of_none.batch) == ("", ""), "no batch is held that is made of all that have none"


def test_ticket_outcomes_what_follows_a_closure_changes_nothing_about_it() -> None:
    row = outcome(*CLOSED, At(START + 9 * DAY, REOPEN), HAND_ON, ARRIVE, RESOLVE)
    assert (row.handlers, row.visits, row.sent_back) == (("王师傅",), 0, 0)
    assert (row.closed_at, row.reopened_at) == (START, START + 9 * DAY)
    again = outcome(
        *CLOSED, At(START + DAY, REOPEN), ARRIVE, RESOLVE, RequestClosure(), CONFIRM, At(START + 2 * DAY, REOPEN)
    )
    assert (again.closed_at, again.reopened_at, again.resolved_at) == (START, START + DAY, None)


def test_ticket_outcomes_several_hands_and_what_was_sent_back_are_counted_before_it() -> None:
    handed_on = outcome(OPEN, ASSIGN, Return(reason="不在本区"), HAND_ON, ASSIGN)
    assert handed_on.handlers == ("王师傅", "赵工")
    assert outcome(*RESOLVED, RequestClosure(), REJECT, RESOLVE).sent_back == 1
    assert outcome(*RESOLVED, REOPEN).sent_back == 1
    assert outcome(*RESOLVED, REOPEN).root_cause == ""


def test_ticket_outcomes_who_misses_a_claim_is_no_handler_unless_they_had_it_before_r27() -> None:
    def handlers(offered: Offered) -> tuple[str, ...]:
        row = folded(project, offered.told.log)
        assert row is not None
        return row.handlers

    one = Offered(LI, WANG)
    assert handlers(one) == (), "an offer is no work"
    one.ask(WithdrawOffer(), END)
    one.ask(RouteTicket(), END)
    for command in (Accept(), ARRIVE, RESOLVE, RequestClosure(), CONFIRM):
        one.ask(command, END)
    assert handlers(one) == ("王师傅",)
    backup = replace(WANG, regions=("西南",))
    both = Offered(LI, backup)
    both.ask(Assign(assignee=replace(ZHAO, person="李工", backup_person="赵工"), reason="改派"))
    both.ask(HAND_ON)
    both.ask(Return(reason="不在本区"))
    both.ask(RouteTicket())
    assert both.ticket.assignee.person == "李工"
    both.ask(WithdrawOffer(), END)
    assert handlers(both) == ("李工", "赵工"), "who had it before stays"
    for claim in (Accept(), Depart(), ARRIVE, Start()):
        claimed = Offered(LI, backup)
        claimed.ask(claim)
        assert handlers(claimed) == ("李工",)
    robots = Offered(LI, backup)
    robots.told.rules = replace(robots.told.rules, robots=frozenset({"陈女士"}))
    robots.ask(Accept())
    assert handlers(robots) == (), "a program claims nothing (R7)"


def test_ticket_outcomes_a_history_that_waives_who_had_it_says_so() -> None:
    opened, assigned = told(OPEN, ASSIGN)
    nobody = TicketAssigned(assignee=Assignee(), previous_person="", reason="")
    row = folded(project, [opened, replace(assigned, event=nobody, waived=("assignee.person",))])
    assert row is not None
    assert (row.handlers, row.handlers_unknown) == ((), True)


def test_ticket_outcomes_reports_are_counted_by_what_they_share_and_where_they_come_from() -> None:
    other = replace(OPEN, source_no="C-2")
    events = [*told(OPEN, OPEN, other), *told(OPEN, OPEN, OPEN, replace(OPEN, source_no="E-1"))[3:]]
    events[-1] = replace(events[-1], source="erp")
    row = folded(project, [*events, *told(OPEN, *[AskProgress(asked_by="陈女士")] * 5)[4:]])
    assert row is not None
    assert (row.joined_number, row.joined_key, row.joined_elsewhere, row.asked) == (1, 1, 1, 2)


def test_ticket_outcomes_a_phone_as_the_key_and_a_serial_that_is_none_are_left_empty() -> None:
    by_phone = replace(OPEN, incident_key=IncidentKey(kind=KeyKind.PHONE, value="13900000000"), serial="无")
    row = outcome(by_phone)
    assert (row.key_kind, row.key, row.serial) == (KeyKind.PHONE, "", "")


def test_ticket_outcomes_a_ticket_is_of_the_type_and_priority_that_it_was_last_given() -> None:
    opening, firmware = replace(OPEN, priority="low"), Reclassify(type="software_fault", reason="是固件问题")
    before, as_it_was = outcome(opening), outcome(opening, firmware)
    raised = outcome(opening, replace(firmware, priority="high"))
    assert (before.type, before.priority) == ("hardware_fault", "low")
    assert (as_it_was.type, as_it_was.priority) == ("software_fault", "low"), "none is given: it stays"
    assert (raised.type, raised.priority) == ("software_fault", "high")


def test_ticket_outcomes_virtual_tickets_have_no_row() -> None:
    assert folded(project, told(*CLOSED, source=SANDBOX)) is None


def test_ticket_outcomes_a_repeat_changes_nothing_and_a_gap_is_never_folded_over() -> None:
    events = told(*CLOSED)
    row = folded(project, events)
    assert folded(project, events, row) is row
    with pytest.raises(InvariantBroken):
        folded(project, [events[0], events[2]])


def test_ticket_outcomes_a_row_written_and_read_back_is_the_same() -> None:
    row = outcome(*CLOSED, At(START + DAY, REOPEN))
    (written,) = OUTCOMES.write(None, row)["ticket_outcomes"]
    assert OUTCOMES.read((row.ticket_id,), [written[column] for column in OUTCOMES.stored]) == row


def test_ticket_outcomes_what_a_resolution_is_held_against() -> None:
    row = outcome(OPEN, ASSIGN, ARRIVE, RESOLVE)
    assert (row.handler, row.taken_at, row.works, row.lacks_work) == ("王师傅", START, ("visit",), False)
    assert (row.unsolved, row.near_deadline, row.region) == (False, False, "华东")
    on_paper = Start(substate=Substate.ON_SITE, reason="到场")  # nobody arrived
    row = outcome(OPEN, ASSIGN, on_paper, replace(RESOLVE, summary="暂无法解决,待配件"))
    assert (row.works, row.lacks_work, row.unsolved) == ((), True, True)
    from_afar = Start(substate=Substate.REMOTE_DIAGNOSIS, reason="远程")
    assert outcome(OPEN, ASSIGN, from_afar, RESOLVE).lacks_work is False
    handed = outcome(OPEN, ASSIGN, At(START + HOUR, HAND_ON))
    assert (handed.handler, handed.taken_at) == ("赵工", START + HOUR)
    assert outcome(OPEN, ASSIGN, Return(reason="不在本区")).handler == ""


def test_ticket_outcomes_near_its_deadline_is_after_the_warning_and_before_the_breach() -> None:
    warned = (OPEN, ASSIGN, ARRIVE, At(START + 20 * HOUR, WarnSla(clock=ClockName.RESOLUTION)))
    breach = At(START + 25 * HOUR, BreachSla(clock=ClockName.RESOLUTION))
    assert outcome(*warned, At(START + 23 * HOUR, RESOLVE)).near_deadline
    late = outcome(*warned, breach, At(START + 26 * HOUR, RESOLVE))
    assert (late.breached, late.near_deadline) == (True, False)
