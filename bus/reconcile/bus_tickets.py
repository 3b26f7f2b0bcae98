"""What the bus has of a source: the tickets opened within a time, and those of given numbers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, LiteralString

from bus.domain.time_text import CHINA
from bus.postgres.pool import Connection
from bus.reconcile.compare import KnownTicket, ListWindow
from bus.reconcile.source_list import COMPARED

NUMBERS_AT_ONCE: Final = 5_000
# A ticket's number begins with its day, by which the primary key finds the tickets of a time.
_OPENED: LiteralString = """
SELECT state->>'source_no', (state->>'opened_at')::timestamptz, ticket_id, true, state->>'state', state->>'type',
    state->>'region'
FROM (
    SELECT ticket_id, state FROM ticket_states
    WHERE ticket_id >= %(first)s AND ticket_id < %(behind)s AND state->>'source' = %(source)s) of_source
WHERE state->>'source_no' <> '' AND (state->>'opened_at')::timestamptz >= %(since)s
    AND (state->>'opened_at')::timestamptz < %(until)s"""
_NUMBERED: LiteralString = """
SELECT n.value, (s.state->>'opened_at')::timestamptz, s.ticket_id,
    s.state->>'source' = %(source)s AND s.state->>'source_no' = n.value,
    s.state->>'state', s.state->>'type', s.state->>'region'
FROM ticket_names n JOIN ticket_states s USING (ticket_id)
WHERE n.kind = 'source:' || %(source)s AND n.value = ANY(%(numbers)s)"""


async def opened_within(connection: Connection, source: str, window: ListWindow) -> dict[str, KnownTicket]:
    """Read the tickets that a source has opened within a time, by its number."""
    day = timedelta(days=1)
    first, behind = (f"T{at.astimezone(CHINA):%Y%m%d}" for at in (window.since, window.until + day))
    asked = {"source": source, "first": first, "behind": behind, "since": window.since, "until": window.until}
    return _by_number(await (await connection.execute(_OPENED, asked)).fetchall())


async def with_numbers(connection: Connection, source: str, numbers: Sequence[str]) -> dict[str, KnownTicket]:
    """Read the tickets that have given numbers of a source, also as reports that joined another's, by the number."""
    found = dict[str, KnownTicket]()
    for begin in range(0, len(numbers), NUMBERS_AT_ONCE):
        asked = {"source": source, "numbers": list(numbers[begin : begin + NUMBERS_AT_ONCE])}
        found |= _by_number(await (await connection.execute(_NUMBERED, asked)).fetchall())
    return found


def _by_number(rows: Sequence[tuple[Any, ...]]) -> dict[str, KnownTicket]:
    return {
        number: KnownTicket(
            number=number,
            at=at,
            ticket_id=ticket_id,
            fields=dict(zip(COMPARED, fields, strict=True)) if is_own else {},
        )
        for number, at, ticket_id, is_own, *fields in rows
    }
