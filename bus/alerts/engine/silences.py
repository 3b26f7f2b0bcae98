"""Silences: of a rule, or of it about one thing alone, nobody hears until a time; each has a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bus.alerts.engine.alert_state import AlertState
from bus.observability.masking import mask_text
from bus.postgres.advisory_locks import wait_for_lock
from bus.postgres.pool import Connection, read_rows

MINUTES_MAX: Final = 7 * 24 * 60  # every silence ends
_OPEN: LiteralString = """
SELECT number, rule, about, until, made_by, why FROM alert_silences WHERE until > %s ORDER BY number"""
_CHANGE: LiteralString = """
UPDATE alert_silences SET until = %s, made_by = %s, why = %s WHERE rule = %s AND about = %s AND until > %s
RETURNING number"""
_MAKE: LiteralString = """
INSERT INTO alert_silences (until, made_by, why, rule, about) VALUES (%s, %s, %s, %s, %s) RETURNING number"""
_END: LiteralString = "UPDATE alert_silences SET until = %s WHERE number = %s AND until > %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence that has not ended. An empty `about`: whatever the rule is about."""

    number: int
    rule: str
    about: str
    until: datetime
    made_by: str
    why: str

    def covers(self, state: AlertState) -> bool:
        """Say whether nobody is to hear of that alert."""
        rule, about = state.fingerprint
        return self.rule == rule and self.about in ("", about)


async def silences(connection: Connection, now: datetime) -> Sequence[Silence]:
    """Read the silences that have not ended."""
    return await read_rows(connection, _OPEN, Silence, (now,))


async def silence(
    connection: Connection, rule: str, about: str, *, now: datetime, until: datetime, by: str, why: str
) -> int:
    """Let nobody hear of a rule, or of it about one thing, until then; one that is there changes. Gives its number."""
    why = mask_text(why)
    await wait_for_lock(connection, "silences")
    row = await (await connection.execute(_CHANGE, (until, by, why, rule, about, now))).fetchone()
    row = row or await (await connection.execute(_MAKE, (until, by, why, rule, about))).fetchone()
    assert row is not None, "it was inserted"
    return int(row[0])


async def end_silence(connection: Connection, number: int, *, now: datetime) -> bool:
    """End a silence before its time. False: there is none of that number that has not ended."""
    return (await connection.execute(_END, (now, number, now))).rowcount > 0
