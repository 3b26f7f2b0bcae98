"""Alerts in PostgreSQL: what is known of them, and what channels are to send, in one transaction a round."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from bus.alerts.alert import Severity
from bus.alerts.alert_json import alert_json, alert_of
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState, Fingerprint
from bus.postgres.pool import Connection

_COLUMNS: LiteralString = """number, alert, severity, seen_at, opened_at, gone_at, closed_at, hidden_by, notified_at,
    opened_notified_at, notified_newest, repeats, came_again_at, reopened, escalated_at, level, acked_at, drill"""
_KNOWN: LiteralString = f"SELECT {_COLUMNS} FROM alerts WHERE closed_at IS NULL"  # noqa: S608 - our own columns
_INSERT: LiteralString = """
INSERT INTO alerts (rule, about, severity, alert, seen_at, opened_at, gone_at, closed_at, hidden_by, notified_at,
    opened_notified_at, notified_newest, repeats, came_again_at, reopened, escalated_at, level, drill)
VALUES (%(rule)s, %(about)s, %(severity)s, %(alert)s, %(seen_at)s, %(opened_at)s, %(gone_at)s, %(closed_at)s,
    %(hidden_by)s, %(notified_at)s, %(opened_notified_at)s, %(notified_newest)s, %(repeats)s,
    %(came_again_at)s, %(reopened)s, %(escalated_at)s, %(level)s, %(drill)s)
RETURNING number"""
_UPDATE: LiteralString = """
UPDATE alerts SET severity = %(severity)s, alert = %(alert)s, opened_at = %(opened_at)s, gone_at = %(gone_at)s,
    closed_at = %(closed_at)s, hidden_by = %(hidden_by)s, notified_at = %(notified_at)s,
    opened_notified_at = %(opened_notified_at)s, notified_newest = %(notified_newest)s,
    repeats = %(repeats)s, came_again_at = %(came_again_at)s, reopened = %(reopened)s,
    escalated_at = %(escalated_at)s, level = %(level)s,
    -- whoever acknowledged it did so before it became worse, or came again
    acked_at = CASE WHEN acked_at < %(opened_notified_at)s THEN NULL ELSE acked_at END
WHERE number = %(number)s RETURNING number"""
_COUNTS: LiteralString = """
SELECT rule, severity, count(*), clock_timestamp() FROM alerts
WHERE closed_at IS NULL AND opened_at IS NOT NULL AND NOT drill GROUP BY rule, severity
UNION ALL SELECT NULL, NULL, 0, clock_timestamp()"""
# An opening that a channel has taken without PostgreSQL, as urgent as now, is not sent there once more. A
# round reads what was stored within seconds; whoever opens the alert later than that is heard.
_NOTICE: LiteralString = """
INSERT INTO alert_notices (alert, channel, flip, severity, made_at, due_at, sent_at)
SELECT %(number)s, channel, %(flip)s, %(severity)s, %(now)s, %(now)s, (
    SELECT max(d.stored_at) FROM alerts_sent_directly d
    WHERE %(flip)s IN ('opened', 'reopened') AND d.rule = %(rule)s AND d.about = %(about)s AND d.channel = c.channel
        AND d.severity <= %(severity)s AND d.stored_at > clock_timestamp() - interval '2 minutes')
FROM unnest(%(channels)s::text[]) AS c (channel)"""


async def known_alerts(connection: Connection) -> dict[Fingerprint, AlertState]:
    """Read what is not closed."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        states = [state_of(row) for row in await (await cursor.execute(_KNOWN)).fetchall()]
    return {state.fingerprint: state for state in states}


async def open_counts(connection: Connection) -> tuple[dict[tuple[str, str], int], datetime]:
    """Count what is open by rule and severity; with PostgreSQL's time."""
    rows = await (await connection.execute(_COUNTS)).fetchall()
    return {(rule, severity): count for rule, severity, count, _ in rows if rule}, rows[0][3]


async def store(
    connection: Connection, changes: Iterable[Change], channels_of: Callable[[Change], Sequence[str]], now: datetime
) -> None:
    """Store what changed, and what channels are to send of it; nothing leaves this transaction half done."""
    for change in changes:
        state = change.state
        query = _UPDATE if state.number else _INSERT
        rows = await (await connection.execute(query, _row(state))).fetchall()
        if change.flip and rows:
            rule, about = state.fingerprint
            notice = {"number": rows[0][0], "flip": change.flip, "rule": rule, "about": about, "now": now}
            channels = [*channels_of(change)]
            await connection.execute(_NOTICE, {**notice, "severity": state.severity, "channels": channels})


def _row(state: AlertState) -> dict[str, Any]:
    rule, about = state.fingerprint
    row = {name: getattr(state, name) for name in _STATE_FIELDS}
    return {**row, "rule": rule, "about": about, "alert": Jsonb(alert_json(state.alert))}


_STATE_FIELDS = tuple(name for name in AlertState.__dataclass_fields__ if name != "alert")


def state_of(row: Mapping[str, Any]) -> AlertState:
    """Read an alert's row."""
    return AlertState(**{**row, "alert": alert_of(row["alert"]), "severity": Severity(row["severity"])})
