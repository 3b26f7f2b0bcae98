"""One test a rule of the import: rows given, commands expected."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bus.domain.closing_commands import ConfirmClosure, Reopen, RequestClosure, Resolve
from bus.domain.commands import Assign, Command, Note, OpenTicket, Pause, Resume, Return, Start
from bus.domain.terms import KeyKind, WaitingFor
from bus.domain.values import Assignee, IncidentKey
from tests.history.uci import answers, commands, refusal, requests, row, states

ADA, BOB, NOBODY = Assignee(person="Ada"), Assignee(person="Bob"), Assignee()


def names(rows: list[dict[str, str]]) -> list[tuple[type[Command], bool]]:
    """Give the last row's commands by type, and whether they are made up."""
    return [(type(request.command), request.implied) for request in requests(rows)]


def test_translate_a_first_row_opens_a_ticket_with_what_the_source_shows_and_nothing_else() -> None:
    cells = {
        "category": "Category 9",
        "subcategory": "Subcategory 97",
        "location": "Location 2",
        "priority": "1 - High",
    }
    [opening] = requests([row("New", person="?", minute=4, opened_by="Opened by 7", **cells)])
    assert opening.command == OpenTicket(
        incident_key=IncidentKey(kind=KeyKind.ORDER, value="uci-incident-log:INC1"),
        title="INC1 · Category 9 · Subcategory 97",
        type="it_incident",
        region="Location 2",
        source_no="INC1",
        skills=("Category 9",),
        priority="1 - High",
        opened_at=datetime(2016, 2, 29, 6, 38, tzinfo=UTC),
    )
    assert (opening.at, opening.actor) == (datetime(2016, 3, 1, 9, 4, tzinfo=UTC), "Opened by 7")
    assert (opening.source_no, opening.historic, opening.implied, opening.waives) == ("INC1", True, False, ())


def test_translate_a_title_is_one_line_and_held_to_the_limits_of_every_way_in() -> None:
    [opening] = requests([row("New", person="?", minute=4, subcategory="漏水\n\t不止")])
    assert isinstance(opening.command, OpenTicket)
    assert "漏水 不止" in opening.command.title
    for bad, code in (("a\x1bb", "control_character"), ("a\u2029b\x9b", "control_character"), ("x" * 501, "too_long")):
        assert refusal([row("New", person="?", minute=4, subcategory=bad)]).code == code


def test_translate_a_number_that_a_spreadsheet_shortened_is_refused_and_says_how_to_export() -> None:
    for number in ("1E+05", "1.23E+11", "4.2e8"):
        error = refusal([row("New", number=number)])
        assert (error.code, error.field) == ("rounded_number", "number")
    for number in ("E05", "1E", "INC1E+05", "10000"):
        assert requests([row("New", number=number)])


def test_translate_new_with_a_known_person_is_assigned() -> None:
    assert names([row("New")]) == [(OpenTicket, False), (Assign, False)]


def test_translate_an_assignment_waives_what_the_log_cannot_show_but_not_the_person_it_shows() -> None:
    assign = requests([row("New")])[-1]
    assert assign.command == Assign(assignee=ADA, reason="assigned_to: Ada")
    assert assign.waives == ("assignee.role", "assignee.contact", "assignee.backup_person", "assignee.backup_contact")


def test_translate_work_on_what_nobody_has_waives_the_person_too() -> None:
    opened, assign, start = requests([row("Active", person="?")])
    assert (assign.command, assign.implied) == (Assign(assignee=NOBODY), True)
    assert "assignee.person" in assign.waives
    assert (type(start.command), opened.implied, start.implied) == (Start, False, False)


@pytest.mark.parametrize(
    ("word", "way"),
    [
        ("Active", [(Start, False)]),
        ("Awaiting Vendor", [(Start, True), (Pause, False)]),
        ("Resolved", [(Start, True), (Resolve, False)]),
        ("Closed", [(Start, True), (Resolve, True), (RequestClosure, True), (ConfirmClosure, False)]),
    ],
)
def test_translate_steps_that_a_row_jumps_over_are_implied(word: str, way: list[tuple[type[Command], bool]]) -> None:
    assert names(states("New", word)) == way


def test_translate_closing_what_is_resolved_implies_that_the_customer_was_asked() -> None:
    asked, confirmed = requests(states("Resolved", "Closed"))
    assert (asked.command, asked.implied) == (RequestClosure(), True)
    assert (confirmed.command, confirmed.waives) == (ConfirmClosure(), ("confirmed_by", "ticks"))


def test_translate_a_root_cause_is_waived_not_read_out_of_a_foreign_code() -> None:
    [resolve] = requests([row("Active"), row("Resolved", minute=1, closed_code="code 7")])
    assert (resolve.command, resolve.waives) == (Resolve(), ("photos", "summary", "root_cause"))


@pytest.mark.parametrize(
    ("word", "waiting_for"),
    [
        ("Awaiting User Info", WaitingFor.CUSTOMER),
        ("Awaiting Evidence", WaitingFor.CUSTOMER),
        ("Awaiting Vendor", WaitingFor.THIRD_PARTY),
        ("Awaiting Problem", WaitingFor.PROBLEM),
    ],
)
def test_translate_awaiting_pauses_work(word: str, waiting_for: WaitingFor) -> None:
    assert commands(states("Active", word)) == [
        Pause(waiting_for=waiting_for, reason=f"incident_state: Active → {word}")
    ]


def test_translate_awaiting_somebody_else_changes_the_reason_of_the_pause() -> None:
    assert commands(states("Awaiting Vendor", "Awaiting Problem")) == [
        Pause(waiting_for=WaitingFor.PROBLEM, reason="incident_state: Awaiting Vendor → Awaiting Problem")
    ]


def test_translate_awaiting_the_same_side_under_another_word_is_a_note() -> None:
    assert commands(states("Awaiting User Info", "Awaiting Evidence")) == [Note(changed=("incident_state",))]


def test_translate_work_that_goes_on_ends_the_pause_and_resolving_ends_it_by_itself() -> None:
    assert commands(states("Awaiting Vendor", "Active")) == [Resume(reason="incident_state: Awaiting Vendor → Active")]
    assert commands(states("Awaiting Vendor", "Resolved")) == [Resolve()]


def test_translate_another_person_is_an_assignment_before_the_state_changes() -> None:
    rows = [row("New"), row("Active", person="Bob", minute=1)]
    assert commands(rows) == [Assign(assignee=BOB, reason="assigned_to: Ada → Bob"), Start(substate=None)]


def test_translate_a_person_who_turns_unknown_returns_the_ticket() -> None:
    returned = Return(reason="assigned_to: Ada → ?")
    assert commands([row("Active"), row("Active", person="?", minute=1)]) == [returned]
    assert commands([row("New"), row("New", person="?", minute=1)]) == [returned]
    assert commands([row("Closed"), row("Closed", person="?", minute=1)]) == [returned]


def test_translate_returned_and_worked_on_in_one_row_goes_through_an_assignment_to_nobody() -> None:
    assert names([row("New"), row("Active", person="?", minute=1)]) == [(Return, False), (Assign, True), (Start, False)]


@pytest.mark.parametrize("word", ["Active", "Awaiting Vendor"])
def test_translate_new_with_nobody_is_back_to_the_queue(word: str) -> None:
    back = row("New", person="?", minute=1)
    assert commands([row(word, person="?"), back]) == [Return(reason=f"incident_state: {word} → New")]
    from_person, to_queue = requests([row(word), back])
    assert from_person.command == Return(reason="assigned_to: Ada → ?")
    assert to_queue.command == Return(reason=f"incident_state: {word} → New")
    assert from_person.command_id != to_queue.command_id


@pytest.mark.parametrize("settled", ["Resolved", "Closed"])
def test_translate_back_to_work_is_a_reopen(settled: str) -> None:
    reopened = Reopen(reason=f"incident_state: {settled} → Active")
    assert commands(states(settled, "Active")) == [reopened, Start(substate=None)]
    assert names(states(settled, "New")) == [(Reopen, False)]
    assert names(states(settled, "Awaiting Vendor")) == [(Reopen, False), (Start, True), (Pause, False)]


def test_translate_a_reopen_without_a_person_goes_through_an_assignment_to_nobody() -> None:
    assert names(states("Closed", "Active", person="?")) == [(Reopen, False), (Assign, True), (Start, False)]


def test_translate_a_row_that_changes_nothing_known_is_a_note_that_names_the_columns() -> None:
    rows = [row("Active"), row("Active", minute=1, assignment_group="Group 2", sys_updated_by="Updated by 2")]
    assert commands(rows) == [Note(changed=("assignment_group",))]


def test_translate_bookkeeping_columns_are_named_when_nothing_else_changed() -> None:
    assert commands(states("Active", "Active")) == [Note(changed=("sys_mod_count", "sys_updated_at"))]


def test_translate_a_row_that_repeats_the_one_before_says_so() -> None:
    [note] = commands([row("Active"), row("Active")])
    assert isinstance(note, Note)
    assert note.changed == ()
    assert note.text


def test_translate_an_unknown_state_word_is_refused_by_name_and_the_ticket_goes_on() -> None:
    rows = [row("Active"), row("-100", person="Bob", minute=1), row("Resolved", minute=2)]
    refused = refusal(rows[:2])
    assert (refused.code, refused.field) == ("unknown_state_word", "incident_state")
    assert commands(rows) == [Resolve()]


def test_translate_an_incident_whose_first_row_is_refused_begins_with_the_next() -> None:
    assert names([row("-100", person="Bob"), row("New")]) == [(OpenTicket, False), (Assign, False)]


@pytest.mark.parametrize("words", [("Active", "New"), ("Closed", "Resolved")])
def test_translate_a_way_back_that_the_domain_has_not_is_refused(words: tuple[str, ...]) -> None:
    assert refusal(states(*words)).code == "no_way_back"


@pytest.mark.parametrize("text", ["?", "", "31/2/2016 10:00", "2016-03-01T09:00", "2/1/1990 00:00 "])
def test_translate_a_row_needs_a_time_that_its_map_can_read(text: str) -> None:
    answer = answers([row("New", sys_updated_at=text)])[0]
    assert isinstance(answer, tuple) is (text == "2/1/1990 00:00 ")


@pytest.mark.parametrize("text", ["30/12/1899 00:00", "1/1/1900 00:00", "1/1/1970 08:00", "1/1/0001 00:00"])
@pytest.mark.parametrize("column", ["opened_at", "sys_updated_at"])
def test_translate_the_zero_of_a_clock_is_no_time_and_the_refusal_says_what_to_do(column: str, text: str) -> None:
    cells: dict[str, Any] = {column: text}
    refused = refusal([row("New", **cells)])
    assert (refused.code, refused.field) == ("out_of_range", column)
    assert "1990" in refused.zh
    assert "`missing`" in refused.en


def test_translate_ids_and_fingerprints_repeat_and_differ_from_each_other() -> None:
    rows = states("New", "Closed", "Active")
    first = [request for answer in answers(rows) if isinstance(answer, tuple) for request in answer]
    again = [request for answer in answers(rows) if isinstance(answer, tuple) for request in answer]
    assert [(one.command_id, one.fingerprint) for one in first] == [(one.command_id, one.fingerprint) for one in again]
    assert len({one.command_id for one in first}) == len(first)
    assert len({one.trace_id for one in first}) == 1


def test_translate_a_refused_row_keeps_its_place_so_that_later_ids_stay() -> None:
    known, unknown = states("New", "Active", "Closed"), states("New", "-100", "Closed")
    assert requests(known)[-1].command_id == requests(unknown)[-1].command_id
