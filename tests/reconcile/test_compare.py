"""A list against the bus's tickets: whatever pages, order and clocks do, what is missing is named, and nothing else."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bus.reconcile.compare import BORDER, KnownTicket, ListWindow, compare
from bus.reconcile.source_list import ListedTicket

BEGIN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
WINDOW = ListWindow(since=BEGIN, until=BEGIN + timedelta(hours=4))
SKEW_S_MAX = 600


def listed(number: str, minute: float, **fields: str) -> ListedTicket:
    return ListedTicket(number=number, at=BEGIN + timedelta(minutes=minute), fields=fields)


def known(number: str, minute: float, **fields: str) -> KnownTicket:
    at = BEGIN + timedelta(minutes=minute)
    return KnownTicket(number=number, at=at, ticket_id=f"T-{number}", fields=fields)


def by_number(*tickets: ListedTicket) -> dict[str, ListedTicket]:
    return {one.number: one for one in tickets}


def bus_of(*tickets: KnownTicket) -> dict[str, KnownTicket]:
    return {one.number: one for one in tickets}


def test_compare_equal_buckets_are_done_and_the_unequal_one_is_counted_and_named() -> None:
    list_, bus = by_number(listed("1", 1), listed("2", 41), listed("3", 42)), bus_of(known("1", 1), known("2", 41))
    found = compare(list_, bus, WINDOW)
    assert [(one.at, one.listed, one.known) for one in found.unequal] == [(BEGIN + timedelta(minutes=40), 2, 1)]
    assert ([one.number for one in found.missing_here], found.missing_there, found.different) == (["3"], [], [])
    assert (found.listed, found.known, len(found.buckets)) == (3, 2, 2)


def test_compare_a_clock_ahead_moves_tickets_between_buckets_and_makes_none_unequal() -> None:
    found = compare(by_number(listed("1", 9), listed("2", 12)), bus_of(known("1", 11), known("2", 12)), WINDOW)
    assert [(one.listed, one.known) for one in found.buckets] == [(1, 0), (1, 2)]
    assert found.unequal == []


def test_compare_a_swapped_ticket_is_found_though_the_counts_are_equal() -> None:
    found = compare(by_number(listed("1", 61)), bus_of(known("2", 62)), WINDOW)
    assert [one.number for one in found.missing_here] == ["1"]
    assert [one.number for one in found.missing_there] == ["2"]


def test_compare_a_different_field_is_named_and_one_that_either_does_not_tell_is_not() -> None:
    list_ = by_number(listed("1", 1, state="closed", region="east"), listed("2", 2, state="closed"), listed("3", 3))
    bus = bus_of(known("1", 1, state="resolved", region="east", type="x"), known("2", 2), known("3", 3, state="closed"))
    [one] = compare(list_, bus, WINDOW).different
    assert (one.number, one.field, one.listed, one.known, one.ticket_id) == ("1", "state", "closed", "resolved", "T-1")


def test_compare_outside_of_the_window_nothing_is_judged() -> None:
    minutes = WINDOW.until - BEGIN
    late = minutes / timedelta(minutes=1)
    found = compare(by_number(listed("1", -1), listed("2", late)), bus_of(known("3", -1), known("4", late)), WINDOW)
    assert (found.missing_here, found.missing_there, found.listed, found.known) == ([], [], 0, 0)


def test_compare_near_its_ends_nothing_is_lost_by_the_source() -> None:
    inside = BORDER / timedelta(minutes=1)
    whole = (WINDOW.until - BEGIN) / timedelta(minutes=1)
    bus = bus_of(known("1", inside - 1), known("2", inside), known("3", whole - inside - 1), known("4", whole - inside))
    found = compare({}, bus, WINDOW)
    assert [one.number for one in found.missing_there] == ["2", "3"]
    assert [one.number for one in found.not_judged] == ["1", "4"]


def test_compare_a_bucket_whose_ticket_is_not_judged_counts_as_neither_equal_nor_unequal() -> None:
    found = compare(by_number(listed("1", 1)), bus_of(known("1", 1), known("2", 12), known("3", 61)), WINDOW)
    assert [one.at for one in found.unequal] == [BEGIN + timedelta(minutes=60)]
    assert [one.at for one in found.unjudged_buckets] == [BEGIN + timedelta(minutes=10)]
    both = compare(by_number(listed("1", 11)), bus_of(known("2", 12)), WINDOW)
    assert (len(both.unequal), both.unjudged_buckets) == (1, []), "it is named already"


NUMBERS = st.integers(0, 300).map(str)
SECONDS, SKEWS_S = st.integers(0, 4 * 3600 - 1), st.integers(-SKEW_S_MAX, SKEW_S_MAX)
TICKETS = st.dictionaries(NUMBERS, st.tuples(SECONDS, SKEWS_S), max_size=40)


@given(tickets=TICKETS, lost=st.sets(NUMBERS), data=st.data())
def test_compare_names_just_what_is_missing_whatever_order_pages_and_clocks(
    tickets: dict[str, tuple[int, int]], lost: set[str], data: st.DataObject
) -> None:
    """Each ticket has its time in the list, and a skew by which the bus has it earlier or later."""
    page_list = [listed(number, second / 60) for number, (second, _) in tickets.items()]
    repeated = data.draw(st.lists(st.sampled_from(page_list), max_size=10)) if page_list else []
    read = data.draw(st.permutations([*page_list, *repeated]))
    bus = bus_of(
        *(known(number, (second + skew) / 60) for number, (second, skew) in tickets.items() if number not in lost)
    )
    found = compare(by_number(*read), bus, WINDOW)
    assert {one.number for one in found.missing_here} == lost & tickets.keys()
    assert found.missing_there == []
    assert found.different == []


@given(tickets=TICKETS, gone=st.sets(NUMBERS))
def test_compare_names_just_what_the_source_lost(tickets: dict[str, tuple[int, int]], gone: set[str]) -> None:
    times = {number: second / 60 for number, (second, _) in tickets.items()}
    list_ = by_number(*(listed(number, minute) for number, minute in times.items() if number not in gone))
    found = compare(list_, bus_of(*(known(number, minute) for number, minute in times.items())), WINDOW)
    inner = ListWindow(since=WINDOW.since + BORDER, until=WINDOW.until - BORDER)
    lost = {number for number in gone & times.keys() if inner.holds(BEGIN + timedelta(minutes=times[number]))}
    assert {one.number for one in found.missing_there} == lost
    assert found.missing_here == []
