"""The oracle itself, checked by tiny histories made by hand and by totals counted from the file with awk."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.history.oracle import NOBODY, Expected, Row, compare, expected, read_rows

SAMPLE = Path(__file__).parents[1] / "data" / "uci_sample.csv.gz"
OPEN = {"New", "Active", "Awaiting User Info", "Awaiting Vendor", "Awaiting Problem", "Awaiting Evidence"}


def row(state: str, *, minute: int = 0, person: str = "Ada", number: str = "INC1") -> Row:
    return {
        "number": number,
        "incident_state": state,
        "assigned_to": person,
        "opened_at": "29/2/2016 06:38",
        "sys_updated_at": f"1/3/2016 09:{minute:02}",
    }


def history(*states: str) -> Expected:
    """Fold one incident that shows these states, a minute apart, from 09:00 on."""
    return expected(row(state, minute=minute) for minute, state in enumerate(states))["INC1"]


def persons(*names: str) -> Expected:
    return expected(row("Active", person=name) for name in names)["INC1"]


def at(minute: int) -> datetime:
    return datetime(2016, 3, 1, 9, minute, tzinfo=UTC)


def test_oracle_opened_at_is_read_as_day_month_year_in_utc() -> None:
    assert history("New").opened_at == datetime(2016, 2, 29, 6, 38, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "person", "state", "paused"),
    [
        ("New", "?", "pending", False),
        ("New", "Ada", "assigned", False),
        ("Active", "?", "in_progress", False),
        ("Awaiting User Info", "Ada", "in_progress", True),
        ("Awaiting Evidence", "Ada", "in_progress", True),
        ("Awaiting Vendor", "Ada", "in_progress", True),
        ("Awaiting Problem", "?", "in_progress", True),
        ("Resolved", "Ada", "resolved", False),
        ("Closed", "Ada", "closed", False),
    ],
)
def test_oracle_a_first_row_gives_the_state_it_shows(shown: str, person: str, state: str, paused: bool) -> None:
    incident = expected([row(shown, person=person)])["INC1"]
    assert (incident.state, incident.paused, incident.pauses) == (state, paused, int(paused))


def test_oracle_a_new_incident_is_assigned_once_somebody_is_known() -> None:
    assert expected([row("New", person="?"), row("New", person="Ada")])["INC1"].state == "assigned"


def test_oracle_from_one_awaiting_to_another_is_not_a_second_pause() -> None:
    incident = history("Active", "Awaiting User Info", "Awaiting Vendor", "Awaiting Vendor", "Awaiting Problem")
    assert (incident.paused, incident.pauses) == (True, 1)


@pytest.mark.parametrize("leaving", ["Active", "Resolved", "Closed"])
def test_oracle_leaving_awaiting_ends_the_pause(leaving: str) -> None:
    incident = history("Awaiting Evidence", leaving)
    assert (incident.paused, incident.pauses) == (False, 1)


def test_oracle_awaiting_again_after_work_is_a_second_pause() -> None:
    assert history("Awaiting User Info", "Active", "Awaiting User Info").pauses == 2


def test_oracle_resolved_and_closed_keep_the_time_of_the_first_row_that_shows_them() -> None:
    incident = history("New", "Resolved", "Resolved", "Closed", "Closed")
    assert (incident.resolved_at, incident.closed_at, incident.reopens) == (at(1), at(3), 0)


def test_oracle_closed_without_resolved_is_resolved_at_the_same_time() -> None:
    incident = history("New", "Closed")
    assert (incident.resolved_at, incident.closed_at) == (at(1), at(1))


@pytest.mark.parametrize("settled", ["Resolved", "Closed"])
@pytest.mark.parametrize("opened", sorted(OPEN))
def test_oracle_back_to_an_open_state_is_a_reopen_that_clears_both_times(settled: str, opened: str) -> None:
    incident = history("Active", settled, opened)
    assert (incident.reopens, incident.resolved_at, incident.closed_at) == (1, None, None)
    assert incident.paused == opened.startswith("Awaiting")


def test_oracle_after_a_reopen_the_later_times_count() -> None:
    incident = history("Active", "Resolved", "Closed", "Active", "Resolved", "Closed")
    assert (incident.reopens, incident.resolved_at, incident.closed_at) == (1, at(4), at(5))


def test_oracle_a_person_unknown_at_the_start_gives_no_assignment() -> None:
    assert persons("?", "?").assignees == ()


def test_oracle_the_first_known_person_counts_and_equal_ones_do_not_repeat() -> None:
    assert persons("?", "Ada", "Ada", "Bob", "Bob", "Ada").assignees == ("Ada", "Bob", "Ada")


def test_oracle_a_person_who_becomes_unknown_returns_the_ticket_to_the_queue() -> None:
    incident = persons("Ada", "?", "?")
    assert (incident.assignees, incident.assignee) == (("Ada", NOBODY), NOBODY)
    assert persons("Ada", "?", "Ada").assignees == ("Ada", NOBODY, "Ada")


def test_oracle_a_change_of_person_while_resolved_counts_too() -> None:
    incident = expected([row("Active", person="?"), row("Resolved", person="Ada")])["INC1"]
    assert incident.assignees == ("Ada",)


def test_oracle_a_refused_row_changes_nothing_and_keeps_its_line_number() -> None:
    rows = [row("Active"), row("-100", person="Bob", minute=1), row("-100", minute=2), row("Active", minute=3)]
    incident = expected(rows)["INC1"]
    assert (incident.refused_lines, incident.rows) == ((3, 4), 4)
    assert (incident.state, incident.assignees, incident.reopens) == ("in_progress", ("Ada",), 0)


def test_oracle_the_row_after_a_refused_one_is_compared_with_the_last_good_row() -> None:
    assert history("Resolved", "-100", "Active").reopens == 1
    assert history("Awaiting User Info", "-100", "Awaiting Vendor").pauses == 1


def test_oracle_an_incident_refused_at_its_start_begins_with_its_first_good_row() -> None:
    assert expected([row("-100")]) == {}
    incident = expected([row("-100", person="Bob"), row("New")])["INC1"]
    assert (incident.assignees, incident.refused_lines) == (("Ada",), (2,))


def test_oracle_incidents_do_not_touch_each_other() -> None:
    both = expected([row("Resolved"), row("Active", number="INC2", person="Bob"), row("Closed", minute=2)])
    assert (both["INC1"].state, both["INC2"].state) == ("closed", "in_progress")
    assert (both["INC1"].reopens, both["INC2"].assignees) == (0, ("Bob",))


def test_oracle_new_after_active_is_read_as_any_new_row() -> None:
    incident = history("Awaiting User Info", "New")
    assert (incident.state, incident.paused, incident.reopens) == ("assigned", False, 0)


@pytest.mark.parametrize("states", [("Parked",), ("Closed", "Resolved")])
def test_oracle_what_the_rules_leave_open_is_an_error_not_a_guess(states: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="the rules say nothing"):
        history(*states)


def ticket() -> dict[str, object]:
    """Give what a bus that is right prints for `New, Resolved`."""
    return {
        "state": "resolved",
        "paused": False,
        "assignee": "Ada",
        "reopens": 0,
        "pauses": 0,
        "assignees": ["Ada"],
        "opened_at": "2016-02-29T14:38:00+08:00",
        "resolved_at": "2016-03-01T09:01:00Z",
        "closed_at": None,
    }


def test_oracle_compare_is_silent_when_the_tickets_agree() -> None:
    want = {"INC1": history("New", "Resolved")}
    assert compare(want, {"INC1": ticket()}) == []
    assert compare(want, {"INC1": ticket() | {"resolved_at": at(1)}}) == []


def test_oracle_compare_takes_null_for_nobody() -> None:
    want = {"INC1": persons("Ada", "?")}
    have = ticket() | {"state": "in_progress", "assignee": None, "assignees": ["Ada", None], "resolved_at": None}
    assert compare(want, {"INC1": have}) == []


def test_oracle_compare_names_each_difference() -> None:
    have = ticket() | {"state": "closed", "resolved_at": "2016-03-01T09:01:00", "opened_at": "soon"}
    del have["pauses"]
    assert compare({"INC1": history("New", "Resolved")}, {"INC1": have}) == [
        "INC1: state should be 'resolved', is 'closed'",
        "INC1: pauses should be 0, is missing",
        "INC1: opened_at should be 2016-02-29T06:38:00+00:00, is 'soon'",
        "INC1: resolved_at should be 2016-03-01T09:01:00+00:00, is 2016-03-01T09:01:00",
    ]


def test_oracle_compare_names_missing_and_surplus_tickets() -> None:
    differences = compare({"INC1": history("New")}, {"INC2": ticket()})
    assert differences == ["INC1: no ticket", "INC2: a ticket that the rows do not give"]


def cuts(rows: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Give every incident's rows, cut after each of them."""
    incidents: dict[str, list[dict[str, str]]] = {}
    for one in rows:
        incidents.setdefault(one["number"], []).append(one)
    for own in incidents.values():
        yield from (own[: length + 1] for length in range(len(own)))


def assert_any_cut_agrees_with_its_last_good_row(rows: list[dict[str, str]]) -> None:
    for cut in cuts(rows):
        incident = expected(cut)[cut[0]["number"]]
        good = [one for one in cut if one["incident_state"] != "-100"]
        shown = [one["incident_state"] for one in good]
        assert incident.paused == shown[-1].startswith("Awaiting")
        assert incident.assignee == good[-1]["assigned_to"].replace("?", NOBODY)
        assert (incident.resolved_at is None) == (shown[-1] in OPEN)
        assert (incident.closed_at is None) == (shown[-1] != "Closed")
        assert incident.reopens == sum(a not in OPEN and b in OPEN for a, b in pairwise(shown))
        assert incident.assignees[-1:] in ((), (incident.assignee,))
        assert all(a != b for a, b in pairwise(incident.assignees))


def test_oracle_the_sample_cut_after_any_row_gives_the_state_as_of_that_row() -> None:
    assert_any_cut_agrees_with_its_last_good_row(read_rows(SAMPLE))


def test_oracle_a_prefix_of_the_sample_changes_nothing_about_the_incidents_wholly_in_it() -> None:
    rows = read_rows(SAMPLE)
    whole, prefix = expected(rows), expected(rows[:1000])
    last = rows[999]["number"]
    assert {number: whole[number] for number in prefix if number != last} == {
        number: incident for number, incident in prefix.items() if number != last
    }


def test_oracle_the_sample_holds_every_rare_case() -> None:
    rows = read_rows(SAMPLE)
    pairs = [(a, b) for a, b in pairwise(rows) if a["number"] == b["number"]]
    steps = {(a["incident_state"], b["incident_state"]) for a, b in pairs}
    incidents = expected(rows)
    assert (len(incidents), len(rows)) == (300, 2197)
    assert len(steps) == 42
    assert {("Closed", "Active"), ("Resolved", "Awaiting User Info"), ("New", "Closed"), ("Closed", "Closed")} <= steps
    assert sum(len(incident.refused_lines) for incident in incidents.values()) == 3
    assert any(NOBODY in incident.assignees for incident in incidents.values())
    assert any(incident.reopens > 1 for incident in incidents.values())


@pytest.fixture(scope="module")
def full() -> list[dict[str, str]]:
    directory = os.environ.get("TICKETBUS_TEST_DATA")
    if directory is None:
        pytest.skip("TICKETBUS_TEST_DATA is unset: the full data set is not part of the checkout")
    return read_rows(Path(directory) / "uci-incident-log" / "incidents.csv.gz")


def test_oracle_totals_of_the_full_data_agree_with_counts_made_by_awk(full: list[dict[str, str]]) -> None:
    incidents = list(expected(full).values())
    assert (len(incidents), sum(one.rows for one in incidents)) == (12_398, 70_556)
    assert sum(one.reopens for one in incidents) == 152
    assert sum(one.reopens > 0 for one in incidents) == 132
    assert sum(one.pauses for one in incidents) == 3_087
    assert sum(len(one.assignees) for one in incidents) == 14_739 + 1_147
    assert sum(one.assignees.count(NOBODY) for one in incidents) == 1_147
    assert sum(one.assignee == NOBODY for one in incidents) == 355
    assert {one.number: one.refused_lines for one in incidents if one.refused_lines} == {
        "INC0030413": (61_870, 61_871, 61_872)
    }


def test_oracle_times_in_the_full_data_agree_with_counts_made_by_awk(full: list[dict[str, str]]) -> None:
    incidents = list(expected(full).values())
    resolved = Counter(f"{one.resolved_at:%Y-%m}" for one in incidents)
    closed = Counter(f"{one.closed_at:%Y-%m}" for one in incidents)
    assert (resolved["2016-02"], resolved["2016-04"], resolved["2017-02"]) == (23, 4_048, 52)
    assert (closed["2016-02"], closed["2016-04"], closed["2017-02"]) == (1, 4_101, 60)
    assert sum(one.resolved_at == one.closed_at for one in incidents) == 35


def test_oracle_states_after_three_rows_of_each_incident_agree_with_counts_made_by_awk(
    full: list[dict[str, str]],
) -> None:
    rows = [cut[-1] for cut in cuts(full) if len(cut) <= 3]
    states = Counter("paused" if one.paused else one.state for one in expected(rows).values())
    assert (states["pending"], states["assigned"]) == (765, 1_553)
    assert (states["in_progress"], states["paused"]) == (3_025, 847)
    assert (states["resolved"], states["closed"]) == (2_121, 4_087)


def test_oracle_the_full_data_cut_after_any_row_gives_the_state_as_of_that_row(full: list[dict[str, str]]) -> None:
    assert_any_cut_agrees_with_its_last_good_row(full)


def test_oracle_the_sample_is_a_part_of_the_full_data_row_by_row(full: list[dict[str, str]]) -> None:
    sample = read_rows(SAMPLE)
    numbers = {one["number"] for one in sample}
    assert [one for one in full if one["number"] in numbers] == sample
