"""The heartbeats of programs, as the running stack's database has them."""

from collections.abc import Sequence
from datetime import datetime

from bus.local.running_database import read_rows
from bus.postgres.heartbeats import LAST_BEATS, ProgramBeat


def last_beats(url: str) -> tuple[datetime | None, Sequence[ProgramBeat]]:
    """Read the database's clock and the heartbeats of a day; None while it is away or not prepared. Blocks."""
    clock, rows = read_rows(url, "SELECT now()", LAST_BEATS)
    now = next((one for (one,) in clock), None)
    return now, [ProgramBeat(**dict(zip(ProgramBeat.__dataclass_fields__, row, strict=True))) for row in rows]
