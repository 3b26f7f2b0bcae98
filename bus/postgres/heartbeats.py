"""The programs that run, by the heartbeats that each writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from bus.postgres.pool import Connection, read_rows

SILENT_AFTER: Final = timedelta(seconds=20)  # four heartbeats; a program that is restarted is back by then
RELAY_PART: Final = "outbox"  # what a heartbeat calls the publication of the outbox
KAFKA_PART: Final = "kafka"  # and the relay's way to Kafka, which holds up all shards
STARTING: Final = "starting"  # what a part says that has not begun to work yet
LAST_BEATS: Final = """
SELECT instance, program, host, started_at, beat_at, ahead_s, parts, steady_since, stopped_at,
    version FROM programs
WHERE beat_at > now() - interval '24 hours' ORDER BY program, host, instance"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramBeat:
    """A program's last heartbeat, in the order of LAST_BEATS.

    `ahead_s`: its clock less PostgreSQL's. `parts`: what keeps each from working. `steady_since`: when it began, or
    when it could write again after a gap: no program can while PostgreSQL is away. `version`: its release; empty of one
    that does not say.
    """

    instance: UUID
    program: str
    host: str
    started_at: datetime
    beat_at: datetime
    ahead_s: float
    parts: Mapping[str, str | None]
    steady_since: datetime
    stopped_at: datetime | None = None
    version: str = ""

    def lives(self, now: datetime) -> bool:
        """Say whether it runs."""
        return self.stopped_at is None and now - self.beat_at <= SILENT_AFTER


Beats = Sequence[ProgramBeat]


async def read_beats(connection: Connection) -> Beats:
    """Read the heartbeats of a day."""
    return await read_rows(connection, LAST_BEATS, ProgramBeat)
