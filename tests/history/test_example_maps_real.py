"""The shipped maps of other shapes on the real parts: what the command writes to PostgreSQL is what the file says."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from bus.domain.terms import State
from bus.domain.ticket import Ticket
from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on
from tests.history.uci import ROOT

DATA = ROOT / "tests" / "data"
SHANGHAI = timezone(timedelta(hours=8))
BPI_ENDS = {
    "Closed": State.CLOSED,
    "Cancelled": State.CLOSED,
    "In Call": State.RESOLVED,
    "Awaiting Assignment": State.PENDING,
}


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus_on(parts, tmp_path_factory.mktemp("example-maps")) as made:
        yield made


async def imported(bus: Bus, name: str, file: Path) -> dict[str, Ticket]:
    """Import a file by the command, twice: the second time nothing happens. Gives its tickets by their numbers."""
    shipped = str(ROOT / "adapters" / "history" / f"{name}.yaml")
    summaries = []
    for _ in range(2):
        done = bus.run("import", "history", "--map", shipped, "--json", str(file))
        assert done.returncode == 0, done.stderr
        summaries.append(json.loads(done.stdout))
    first, second = summaries
    assert (first["refusals"], second["refusals"]) == ([], [])
    assert second["repeated"] == first["opened"] + first["changed"] + first["notes"]
    source = name.removesuffix("_export").replace("_", "-")
    numbers = "SELECT ticket_id FROM ticket_states WHERE state->>'source' = %s"
    async with bus.core() as core:
        tickets = [await core.store.ticket(ticket_id) for (ticket_id,) in bus.query(numbers, source)]
    return {ticket.source_no: ticket for ticket in tickets if ticket}


async def test_example_maps_real_bpi_2013_incidents_end_as_their_last_row_says_at_its_time(bus: Bus) -> None:
    file = DATA / "bpi_2013_made_up.csv"
    with file.open(encoding="windows-1252", newline="") as text:
        rows = list(csv.DictReader(text, delimiter=";"))
    last = {row["SR Number"]: row for row in rows}
    first = {row["SR Number"]: row for row in reversed(rows)}
    tickets = await imported(bus, "bpi_2013_incidents", file)
    assert tickets.keys() == last.keys()
    for number, ticket in tickets.items():
        row = last[number]
        assert (ticket.state, ticket.last_at) == (
            BPI_ENDS[row["Sub Status"]],
            datetime.fromisoformat(row["Change Date+Time"]),
        )
        assert ticket.opened_at == datetime.fromisoformat(first[number]["Change Date+Time"])
        assert ticket.closed_at == (ticket.last_at if ticket.state is State.CLOSED else None)


async def test_example_maps_real_a_help_desk_row_tells_states_and_times(bus: Bus) -> None:
    tickets = await imported(bus, "help_desk_export", DATA / "help_desk_made_up.csv")
    assert {number: ticket.state for number, ticket in tickets.items()} == {
        "1": State.CLOSED,
        "2": State.RESOLVED,
        "3": State.IN_PROGRESS,
        "4": State.IN_PROGRESS,
        "5": State.PENDING,
        "6": State.ASSIGNED,
        "7": State.CLOSED,
    }
    closed = tickets["1"]
    assert (closed.opened_at, closed.resolved_at, closed.closed_at) == (
        datetime(2026, 1, 5, 9, tzinfo=SHANGHAI),
        datetime(2026, 1, 5, 16, 30, tzinfo=SHANGHAI),
        datetime(2026, 1, 6, 10, tzinfo=SHANGHAI),
    )
    assert tickets["3"].opened_at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert (tickets["4"].paused_for is not None, tickets["3"].paused_for) == (True, None)
    assert (tickets["2"].closed_at, tickets["5"].resolved_at) == (None, None)
