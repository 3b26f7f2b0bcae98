"""When the log was last verified as a whole, and what that came to, in PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bus.postgres.pool import Connection, read_rows

_NOTE: Final = b"UPDATE log_verifications SET verified_at = now(), differences = %s"
_READ: Final = b"SELECT prepared_at, verified_at, differences FROM log_verifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogVerification:
    """The last run; `prepared_at`: since when runs are noted at all."""

    prepared_at: datetime
    verified_at: datetime | None
    differences: int


async def note_verification(connection: Connection, differences: int) -> None:
    """Write that a run has ended."""
    await connection.execute(_NOTE, (differences,))


async def read_verification(connection: Connection) -> LogVerification:
    """Read the last run."""
    [found] = await read_rows(connection, _READ, LogVerification)
    return found
