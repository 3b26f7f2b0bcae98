"""What the last check of the schema registry came to, in PostgreSQL: written by workers in turn, read by the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg.types.json import Jsonb

from bus.consistency.registry_check import SchemaDifference
from bus.domain.text import Text
from bus.postgres.pool import Connection

CHECK_EVERY: Final = timedelta(seconds=30)
AWAY_CHECK_EVERY: Final = timedelta(seconds=5)  # once it did not answer: the alert's hold counts from the first of them
_TURN: Final = b"""
UPDATE registry_checks SET begun_at = clock_timestamp()
WHERE begun_at < clock_timestamp() - CASE WHEN away IS NULL THEN %s::interval ELSE %s::interval END RETURNING 1"""
_AWAY: Final = b"UPDATE registry_checks SET away = %s"
_ANSWERED: Final = b"UPDATE registry_checks SET away = NULL, differences = %s"
_READ: Final = b"SELECT away, differences FROM registry_checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryState:
    """Why the registry could not be asked, if so, and by subject in what it differed when it last answered."""

    away: str | None
    differences: Sequence[tuple[str, Text]]


async def take_turn(connection: Connection) -> bool:
    """Say whether a check is due and this worker's to make."""
    return await (await connection.execute(_TURN, (CHECK_EVERY, AWAY_CHECK_EVERY))).fetchone() is not None


async def note_away(connection: Connection, why: str) -> None:
    """Write that it could not be asked; what it differed in stands, for nobody knows better."""
    await connection.execute(_AWAY, (why,))


async def note_differences(connection: Connection, found: Sequence[SchemaDifference]) -> None:
    """Write what it differs in now."""
    await connection.execute(_ANSWERED, (Jsonb([[one.subject, one.text.zh, one.text.en] for one in found]),))


async def read_registry(connection: Connection) -> RegistryState:
    """Read what the last check came to."""
    ((away, differences),) = await (await connection.execute(_READ)).fetchall()
    return RegistryState(away=away, differences=[(subject, Text(zh, en)) for subject, zh, en in differences])
