"""What people do with alerts: list them, look at one, acknowledge it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg.rows import dict_row

from bus.observability.masking import mask_text
from bus.postgres.pool import Connection, read_rows

CLOSED_LISTED: Final = 50
_COLUMNS: LiteralString = r"""number, rule, about, severity, alert->>'zh' AS zh, alert->>'en' AS en,
    alert->>'mend' AS mend, alert->>'ticket_id' AS ticket_id, alert->>'trace_id' AS trace_id, alert->'facts' AS facts,
    seen_at, opened_at, gone_at, closed_at, hidden_by, substring(hidden_by FROM '^silence (\d+)$')::bigint AS silence,
    escalated_at, acked_at, acked_by, acked_why, repeats, drill"""
_OF_TICKET: LiteralString = "(%(ticket)s = '' OR alert->>'ticket_id' = %(ticket)s)"
_LIST: LiteralString = f"""
SELECT {_COLUMNS} FROM alerts WHERE closed_at IS NULL AND opened_at IS NOT NULL AND {_OF_TICKET}
ORDER BY severity, number"""  # noqa: S608 - our own columns
_CLOSED: LiteralString = f"""
SELECT {_COLUMNS} FROM alerts WHERE closed_at IS NOT NULL AND opened_at IS NOT NULL AND {_OF_TICKET}
ORDER BY closed_at DESC LIMIT %(most)s"""  # noqa: S608 - our own columns
_ONE: LiteralString = f"SELECT {_COLUMNS} FROM alerts WHERE number = %s"  # noqa: S608 - our own columns
_NOTICES: LiteralString = """
SELECT channel, flip, made_at, sent_at, attempts, failure, instead_of, given_up_at FROM alert_notices
WHERE alert = %s ORDER BY number"""
_ACK: LiteralString = """
UPDATE alerts SET acked_at = now(), acked_by = %s, acked_why = %s
WHERE number = %s AND closed_at IS NULL AND opened_at IS NOT NULL AND acked_at IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAlert:
    """An alert as people see it. `notices` is filled where one alone is shown: what each channel was sent, and when.

    `gone_at`: since when it is over; it closes once that has lasted as long as its rule waits. `hidden_by`: why nobody
    hears of it, a cause as rule|about or a silence, whose number is `silence`.
    """

    number: int
    rule: str
    about: str
    severity: str
    zh: str
    en: str
    mend: str
    ticket_id: str
    trace_id: str
    facts: dict[str, Any]
    seen_at: datetime
    opened_at: datetime | None
    gone_at: datetime | None
    closed_at: datetime | None
    hidden_by: str
    silence: int | None
    escalated_at: datetime | None
    acked_at: datetime | None
    acked_by: str
    acked_why: str
    repeats: int
    drill: bool
    notices: Sequence[dict[str, Any]] = field(default_factory=tuple)


async def open_alerts(connection: Connection, ticket_id: str = "") -> list[ListedAlert]:
    """List what is open, of a ticket or all, the most urgent first; hidden ones included, which say by what."""
    return await read_rows(connection, _LIST, ListedAlert, {"ticket": ticket_id})


async def closed_alerts(connection: Connection, ticket_id: str = "") -> list[ListedAlert]:
    """List what closed last, of a ticket or all."""
    return await read_rows(connection, _CLOSED, ListedAlert, {"ticket": ticket_id, "most": CLOSED_LISTED})


async def one_alert(connection: Connection, number: int) -> ListedAlert | None:
    """Show an alert with what each channel was sent of it."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(_ONE, (number,))).fetchone()
        if row is None:
            return None
        notices = await (await cursor.execute(_NOTICES, (number,))).fetchall()
    return ListedAlert(**row, notices=notices)


async def acknowledge(connection: Connection, number: int, *, by: str, why: str) -> bool:
    """Note that somebody looks after an open alert: it is not repeated or escalated any more. False: it is not open."""
    return (await connection.execute(_ACK, (by, mask_text(why), number))).rowcount > 0
