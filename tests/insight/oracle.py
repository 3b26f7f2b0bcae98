"""What the first-time fix rate of an incident log must come to, by the oracle of the import and plain Python (R27).

It shares no code with the bus and asks no database.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.history.oracle import NOBODY, REFUSED, Row, expected

WEEK = timedelta(days=7)
SETTLED = {"Closed", "Resolved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """The first closure of an incident: when, whether its handlers are known, whether it was a first-time fix."""

    number: str
    closed_at: datetime
    known: bool
    fixed: bool


def closures(rows: Iterable[Row]) -> list[Closure]:
    """Give the first closure of each incident that was ever closed."""
    incidents = defaultdict[str, list[Row]](list)
    for row in rows:
        incidents[row["number"]].append(row)
    return [found for own in incidents.values() if (found := _closure(own))]


def _closure(rows: list[Row]) -> Closure | None:
    states = [row["incident_state"] for row in rows]
    if "Closed" not in states:
        return None
    first = states.index("Closed")
    before = expected(rows[: first + 1])[rows[0]["number"]]
    assert before.closed_at
    reopened = [row for row in rows[first:] if row["incident_state"] not in {*SETTLED, REFUSED}]
    again = _time(reopened[0]) if reopened else None
    handlers = {*before.assignees} - {NOBODY}
    stays = again is None or again >= before.closed_at + WEEK
    return Closure(
        number=before.number,
        closed_at=before.closed_at,
        known=not _begun_by_nobody(rows[: first + 1]),
        fixed=len(handlers) == 1 and before.reopens == 0 and stays,
    )


def _begun_by_nobody(rows: list[Row]) -> bool:
    """Say whether work went on with nobody named since the incident last waited in the queue."""
    queued, settled, with_somebody = True, False, False
    for row in rows:
        word, nobody = row["incident_state"], row["assigned_to"] == "?"
        if word == REFUSED:
            continue
        if settled and word not in SETTLED:
            queued, with_somebody = nobody, not nobody
        elif nobody:
            queued, with_somebody = queued or with_somebody or word == "New", False
        else:
            queued, with_somebody = False, with_somebody or queued or word == "New"
        settled = word in SETTLED
        if word != "New":
            if queued:
                return True
            with_somebody = False
    return False


def _time(row: Row) -> datetime:
    return datetime.strptime(row["sys_updated_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
