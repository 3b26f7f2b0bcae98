"""When something was last active, and for how long it usually is not, read from a table of minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.alerts.rules.usual_gaps import GAPS_MIN, silent_after
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

MINUTES_MIN: Final = 10  # of what was active less often in 28 days nobody can say that it is silent
_MINUTE: Final = timedelta(minutes=1)
# The gaps that began in the hour of the week in which the silence did, in each of the four weeks before.
_READ: Final[LiteralString] = """
SELECT s.name, s.read_at, l.minute AS last_at, (
        SELECT count(*) FROM (
            SELECT FROM {table} m WHERE m.{name} = s.name ORDER BY m.minute LIMIT %(few)s) f) AS minutes,
    ARRAY(
        SELECT n.minute - m.minute
        FROM generate_series(1, 4) AS week CROSS JOIN LATERAL (
            SELECT date_trunc('hour', l.minute) - week * interval '7 days' AS at) h
        JOIN {table} m ON m.{name} = s.name AND m.minute >= h.at AND m.minute < h.at + interval '1 hour'
        CROSS JOIN LATERAL (
            SELECT n.minute FROM {table} n WHERE n.{name} = s.name AND n.minute > m.minute
            ORDER BY n.minute LIMIT 1) n) AS gaps
FROM names s CROSS JOIN LATERAL (
    SELECT minute FROM {table} m WHERE m.{name} = s.name ORDER BY minute DESC LIMIT 1) l
ORDER BY s.name"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """When something was last active, in how many minutes of 28 days (no more than a few count), its gaps at that hour.

    `read_at`: until when that is known; None: until now.
    """

    name: str
    read_at: datetime | None = None
    last_at: datetime
    minutes: int
    gaps: Sequence[timedelta]

    @property
    def is_known(self) -> bool:
        """Say whether there is enough to say what is usual at this hour of the week."""
        return len(self.gaps) >= GAPS_MIN

    def is_silent(self, now: datetime) -> bool:
        """Say whether it has not been active for longer than it ever is."""
        known_until = self.read_at or now
        return self.minutes >= MINUTES_MIN and known_until - self.last_at > silent_after(self.gaps) + _MINUTE

    def why(self) -> Text:
        """Say why its silence is unusual."""
        usual = silent_after(self.gaps)
        if self.is_known:
            en = f"at this hour of the week its silences are no longer than {usual}"
            return Text(f"以往同一时段从未静默超过 {usual}", en)
        return Text("已超过 24 小时", "which is more than 24 hours")


async def read_activity(
    connection: Connection, names: LiteralString, table: LiteralString, name: LiteralString
) -> Sequence[Activity]:
    """Read the activity of `names` (a WITH clause: name, read_at) from a table of minutes."""
    query = names + _READ.format(table=table, name=name)
    return await read_rows(connection, query, Activity, {"few": MINUTES_MIN})


def active(name: str, last_at: datetime) -> Activity:
    """Make what is active every four minutes, for the inputs of rules."""
    return Activity(name=name, last_at=last_at, minutes=MINUTES_MIN, gaps=[timedelta(minutes=4)] * GAPS_MIN)
