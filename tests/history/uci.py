"""Rows of the incident log made by hand, what the adapter makes of them, and tickets as the oracle compares them."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from adapters.history.file_order import rows_in_order
from adapters.history.importer import Summary, import_history
from adapters.history.map_file import HistoryMap, load_map
from adapters.history.rows import Row
from adapters.history.table import BoundTable
from adapters.history.translate import IncidentProgress, step
from bus.domain.commands import Command, Request
from bus.domain.errors import MalformedInput
from bus.domain.events import TicketAssigned, TicketReturned
from bus.domain.rules import Rules
from bus.domain.sla_clock import SlaLimit
from bus.domain.ticket import Ticket
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.wire.rejected_input import RejectedInputStore
from deadletter.rejected_inputs import MemoryRejectedInputs

ROOT = Path(__file__).parents[2]
MAP = load_map(ROOT / "adapters" / "history" / "uci_incident_log.yaml")
SAMPLE = gzip.decompress((ROOT / "tests" / "data" / "uci_sample.csv.gz").read_bytes()).splitlines(keepends=True)
HEADER = tuple(SAMPLE[0].decode().strip().split(","))
TABLE = BoundTable(MAP, HEADER)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
RULES = Rules(
    dedupe_window=timedelta(minutes=15),
    sla=dict.fromkeys(
        ("it_incident", "hardware_fault"), SlaLimit(response=timedelta(minutes=15), resolution=timedelta(hours=2))
    ),
    root_causes=frozenset(),
)


def row(state: str, *, minute: int = 0, person: str = "Ada", number: str = "INC1", **cells: str) -> dict[str, str]:
    """Make a row; columns that are not named are missing at the source."""
    shown = {
        "number": number,
        "incident_state": state,
        "assigned_to": person,
        "opened_at": "29/2/2016 06:38",
        "sys_updated_at": f"1/3/2016 09:{minute:02}",
        "sys_updated_by": "Updated by 1",
        "sys_mod_count": str(minute),
    }
    return dict.fromkeys(HEADER, "?") | shown | cells


def states(*words: str, person: str = "Ada") -> list[dict[str, str]]:
    """Make the rows of one incident that shows these states, a minute apart."""
    return [row(word, minute=minute, person=person) for minute, word in enumerate(words)]


def answers(rows: Iterable[Mapping[str, str]]) -> list[tuple[Request, ...] | MalformedInput]:
    """Translate the rows of one incident; one answer a row."""
    progress, answered = IncidentProgress(), []
    for line, cells in zip(count(2), rows, strict=False):
        made = Row(line, b"", tuple(cells[name] for name in HEADER))
        progress, answer = step(TABLE, progress, made, received_at=NOW)
        answered.append(answer)
    return answered


def requests(rows: Iterable[Mapping[str, str]]) -> tuple[Request, ...]:
    """Give the requests of the last row."""
    answer = answers(rows)[-1]
    assert not isinstance(answer, MalformedInput), answer
    return answer


def commands(rows: Iterable[Mapping[str, str]]) -> list[Command]:
    """Give the commands of the last row."""
    return [request.command for request in requests(rows)]


def refusal(rows: Iterable[Mapping[str, str]]) -> MalformedInput:
    """Give the refusal of the last row."""
    answer = answers(rows)[-1]
    assert isinstance(answer, MalformedInput), answer
    return answer


def lines(rows: Iterable[Mapping[str, str]]) -> list[bytes]:
    """Write rows as the lines of a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode().splitlines(keepends=True)


class Bus:
    """A bus in memory that takes imports."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.refused = MemoryRejectedInputs()
        self.dispatcher = Dispatcher(store=self.store, rules=RULES, now=lambda: NOW)

    async def take(
        self,
        file: Iterable[bytes],
        *,
        batch_size: int = 1000,
        refused: RejectedInputStore | None = None,
        patience_s: float = 1.0,
        mapped: HistoryMap = MAP,
    ) -> Summary:
        """Import a file."""
        with rows_in_order(file, mapped) as ordered:
            return await import_history(
                ordered, self.dispatcher, refused or self.refused, batch_size=batch_size, patience_s=patience_s
            )

    async def tickets(self) -> list[Ticket]:
        """Give every ticket's folded state."""
        return [ticket for number in self.store.log if (ticket := await self.store.ticket(number))]

    async def listed(self) -> dict[str, dict[str, object]]:
        """Give tickets as the oracle compares them, by the source's number."""
        return {ticket.source_no: self._listed(ticket) for ticket in await self.tickets()}

    def _listed(self, ticket: Ticket) -> dict[str, object]:
        events = [recorded.event for recorded in self.store.log[ticket.ticket_id]]
        named = [
            event.assignee.person if isinstance(event, TicketAssigned) else ""
            for event in events
            if isinstance(event, TicketAssigned | TicketReturned)
        ]
        before = ["", *named]
        return {
            "state": ticket.state.value,
            "paused": ticket.paused_for is not None,
            "assignee": ticket.assignee.person,
            "reopens": ticket.reopens,
            "pauses": ticket.pauses,
            "assignees": [now for then, now in zip(before, named, strict=False) if then != now],
            "opened_at": ticket.opened_at,
            "resolved_at": ticket.resolved_at,
            "closed_at": ticket.closed_at,
        }
