"""Targets that can be asked which documents they have, in PostgreSQL: whose turn it is, and what the last came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.delivery.compare_documents import DifferenceKind
from bus.delivery.target_reconciler import LIST_WITHIN, TargetReport
from bus.postgres.pool import Connection, read_rows

SHOWN: Final = 5
SEEN_WITHIN: Final = "10 minutes"
_DECLARE: Final = b"""
INSERT INTO target_lists (target) SELECT * FROM unnest(%s::text[]) ORDER BY 1
ON CONFLICT (target) DO UPDATE SET seen_at = clock_timestamp()"""
# One that has begun elsewhere is waited for, unless its worker must have died; one that failed comes again sooner.
_TURN: Final = b"""
UPDATE target_lists SET begun_at = clock_timestamp()
WHERE target = %(target)s AND (ended_at >= begun_at OR begun_at < clock_timestamp() - %(dead)s::interval)
    AND begun_at < clock_timestamp() - CASE WHEN failure IS NULL THEN %(every)s::interval
        ELSE least(%(every)s::interval, %(again)s::interval) END
RETURNING 1"""
_NOTE: Final = b"""
UPDATE target_lists SET ended_at = clock_timestamp(), compared_at = clock_timestamp(), failure = NULL,
    since = %(since)s, listed = %(listed)s, known = %(known)s, not_judged = %(not_judged)s,
    missing_there = %(missing_there)s, unknown_here = %(unknown_here)s, twice = %(twice)s, not_ours = %(not_ours)s,
    numbers = %(numbers)s
WHERE target = %(target)s"""
# A comparison by hand that covers what the last one did, and is later, counts as one.
_NOTE_BY_HAND: Final = _NOTE + b" AND since >= %(since)s AND compared_at <= %(until)s"
_FAILED: Final = b"UPDATE target_lists SET ended_at = clock_timestamp(), failure = %s WHERE target = %s"
# By the database's clock, as they are written; a target that no worker's file names any more has no list.
_LISTS: Final = b"""
SELECT target, declared_at, compared_at, coalesce(failure, '') AS failure, since, listed, known, not_judged,
    missing_there, unknown_here, twice, not_ours, numbers
FROM target_lists WHERE seen_at > clock_timestamp() - %s::interval ORDER BY target"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetListState:
    """What a target's last comparison came to, by kind of difference; `compared_at` None: there was none yet.

    `since`: from when on its deliveries were compared. `numbers`: the first documents that are named. `failure`: why
    the last try was none.
    """

    target: str
    declared_at: datetime
    compared_at: datetime | None
    failure: str
    since: datetime | None
    listed: int
    known: int
    not_judged: int
    missing_there: int
    unknown_here: int
    twice: int
    not_ours: int
    numbers: Sequence[str]

    @property
    def differences(self) -> int:
        """Count them all."""
        return self.missing_there + self.unknown_here + self.twice + self.not_ours


async def declare_target_lists(connection: Connection, targets: Sequence[str]) -> None:
    """Renew that these targets can be asked for a list."""
    await connection.execute(_DECLARE, (list(targets),))


async def take_target_turn(connection: Connection, target: str, *, every: timedelta, again: timedelta) -> bool:
    """Say whether a target is due and this worker's to reconcile; `again`: how long after a list that did not come."""
    asked = {"target": target, "dead": 2 * LIST_WITHIN, "every": every, "again": again}
    return bool((await connection.execute(_TURN, asked)).rowcount)


async def note_target_report(connection: Connection, report: TargetReport, *, by_hand: bool = False) -> None:
    """Write what a comparison came to; one by hand if it covers what the last one did."""
    found = report.found
    counts = {kind.value: len(found.of(kind)) for kind in DifferenceKind}
    numbers = list(dict.fromkeys(one.number for one in found.differences))[:SHOWN]
    judged = {"listed": found.listed, "known": found.known, "not_judged": found.not_judged}
    about = {"target": report.target, "since": report.since, "until": report.until, "numbers": numbers}
    await connection.execute(_NOTE_BY_HAND if by_hand else _NOTE, {**about, **counts, **judged})


async def note_target_failure(connection: Connection, target: str, why: str) -> None:
    """Write that a list could not be judged, and why: what the one before came to stays."""
    await connection.execute(_FAILED, (why, target))


async def target_lists(connection: Connection) -> Sequence[TargetListState]:
    """Read what each target that has a list came to."""
    return await read_rows(connection, _LISTS, TargetListState, (SEEN_WITHIN,))
