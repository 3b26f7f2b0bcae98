"""What a history import must come to, worked out from the incident CSV and the rules of the import alone.

The oracle shares no code with the bus, so that a mistake made there is not made here as well. Where the rules leave a
row without a meaning (an unknown state, Closed followed by Resolved; the data has neither) it raises ValueError and
guesses nothing. New after Active (not in the data either) is read as any New row: assigned or pending, no reopen.
"""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

State = Literal["pending", "assigned", "in_progress", "resolved", "closed"]
Row = Mapping[str, str]

FIRST_ROW_LINE = 2  # the header is line 1
NOBODY = ""
REFUSED = "-100"
SETTLED: frozenset[State] = frozenset({"resolved", "closed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One incident as the rows so far leave it; times are aware and UTC, `rows` counts the refused ones too."""

    number: str
    state: State
    paused: bool
    opened_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None
    reopens: int
    pauses: int
    assignees: tuple[str, ...]
    assignee: str
    refused_lines: tuple[int, ...]
    rows: int


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read every row of a CSV file, gzipped or plain, in the file's order."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected(rows: Iterable[Row]) -> dict[str, Expected]:
    """Fold a file's rows from its first one on, or any prefix of them, into the incidents they amount to, by number.

    An incident of which only refused rows were seen has no ticket, hence no entry. Raises ValueError on a row that the
    rules say nothing about.
    """
    incidents: dict[str, Expected] = {}
    refused: defaultdict[str, list[int]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for line, row in enumerate(rows, start=FIRST_ROW_LINE):
        number = row["number"]
        seen[number] += 1
        if row["incident_state"] == REFUSED:
            refused[number].append(line)
        else:
            incidents[number] = _after(incidents.get(number) or _unseen(row), row)
    return {
        number: replace(incident, refused_lines=tuple(refused[number]), rows=seen[number])
        for number, incident in incidents.items()
    }


def compare(expected: Mapping[str, Expected], actual: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Say in one line each how tickets differ from the oracle; an empty list is agreement.

    `actual` is keyed by incident number (`source_no`) and holds tickets as `ticket list --json` prints them, with
    `pauses` and `assignees` added. No assignee may be null or empty, a time may be text or an aware datetime.
    """
    differences: list[str] = []
    for number in sorted(expected.keys() | actual.keys()):
        if number not in actual:
            differences.append(f"{number}: no ticket")
        elif number not in expected:
            differences.append(f"{number}: a ticket that the rows do not give")
        else:
            differences += _differences(expected[number], actual[number])
    return differences


def _unseen(row: Row) -> Expected:
    return Expected(
        number=row["number"],
        state="pending",
        paused=False,
        opened_at=_time(row["opened_at"]),
        resolved_at=None,
        closed_at=None,
        reopens=0,
        pauses=0,
        assignees=(),
        assignee=NOBODY,
        refused_lines=(),
        rows=0,
    )


def _after(before: Expected, row: Row) -> Expected:
    state, paused = _shown(row)
    if before.state == "closed" and state == "resolved":
        raise ValueError(f"{before.number}: Resolved after Closed, which the rules say nothing about")
    at = _time(row["sys_updated_at"])
    reopened = before.state in SETTLED and state not in SETTLED
    resolved_at = None if reopened else before.resolved_at
    closed_at = None if reopened else before.closed_at
    # Closed without a Resolved row: the step jumped over is made up, at the time of the row that jumps.
    if state in SETTLED and resolved_at is None:
        resolved_at = at
    if state == "closed" and closed_at is None:
        closed_at = at
    assignee = NOBODY if row["assigned_to"] == "?" else row["assigned_to"]
    changed = assignee != before.assignee
    return replace(
        before,
        state=state,
        paused=paused,
        resolved_at=resolved_at,
        closed_at=closed_at,
        reopens=before.reopens + reopened,
        pauses=before.pauses + (paused and not before.paused),
        assignees=(*before.assignees, assignee) if changed else before.assignees,
        assignee=assignee,
    )


def _shown(row: Row) -> tuple[State, bool]:
    """Say which state a row shows, and whether the clock stands still in it."""
    match row["incident_state"]:
        case "New":
            return ("pending" if row["assigned_to"] == "?" else "assigned"), False
        case "Active":
            return "in_progress", False
        case "Awaiting User Info" | "Awaiting Evidence" | "Awaiting Vendor" | "Awaiting Problem":
            return "in_progress", True
        case "Resolved":
            return "resolved", False
        case "Closed":
            return "closed", False
        case foreign:
            raise ValueError(f"{row['number']}: state {foreign!r}, which the rules say nothing about")


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def _differences(want: Expected, have: Mapping[str, object]) -> list[str]:
    pairs: dict[str, object] = {
        "state": want.state,
        "paused": want.paused,
        "assignee": want.assignee,
        "reopens": want.reopens,
        "pauses": want.pauses,
        "assignees": want.assignees,
        "opened_at": want.opened_at,
        "resolved_at": want.resolved_at,
        "closed_at": want.closed_at,
    }
    differences: list[str] = []
    for key, value in pairs.items():
        if key not in have:
            differences.append(f"{want.number}: {key} should be {_text(value)}, is missing")
        elif (found := _read(key, have[key])) != value:
            differences.append(f"{want.number}: {key} should be {_text(value)}, is {_text(found)}")
    return differences


def _read(key: str, value: object) -> object:
    """Bring a printed value to the oracle's type; what cannot be brought stays as it is and differs."""
    match key, value:
        case "assignee", None:
            return NOBODY
        case "assignees", [*people]:
            return tuple(NOBODY if person is None else person for person in people)
        case "opened_at" | "resolved_at" | "closed_at", str(text):
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                return text
        case _:
            return value


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)
