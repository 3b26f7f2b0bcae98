"""Status of each target: waiting and parked deliveries, age of the oldest, breaker and pause; also as metrics."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

import structlog

from bus.delivery import metrics
from bus.delivery.target_lists import SEEN_WITHIN
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Connection, Pool, connected, read_rows

TELL_EVERY_S = 10.0
log = structlog.get_logger()

_STATUS = """
WITH waiting AS (
    SELECT target, count(*) AS waiting, min(enqueued_at) FILTER (WHERE p.ticket_id IS NULL) AS oldest_at
    FROM deliveries d
    LEFT JOIN (SELECT target, ticket_id FROM delivery_heads WHERE postponed IS NOT NULL) p USING (target, ticket_id)
    WHERE state = 'waiting' AND NOT EXISTS (
        SELECT FROM delivery_heads h WHERE (h.target, h.ticket_id, h.version) = (d.target, d.ticket_id, d.version)
            AND h.parked)
    GROUP BY target
), late AS (
    SELECT target, count(*) AS overdue FROM deliveries WHERE state = 'waiting' AND overdue_at IS NOT NULL
    GROUP BY target
), heads AS (
    SELECT target, count(*) FILTER (WHERE parked) AS parked,
           max(attempts) FILTER (WHERE failures <> '[]' AND NOT parked) AS attempts,
           count(*) FILTER (WHERE failures <> '[]' AND NOT parked) AS failing,
           count(*) FILTER (WHERE postponed IS NOT NULL) AS postponed,
           min(next_at) FILTER (WHERE postponed IS NOT NULL) AS postponed_until
    FROM delivery_heads GROUP BY target
), last AS (
    SELECT DISTINCT ON (target) target, failures->-1 AS last_failure FROM delivery_heads
    WHERE %(failures)s AND failures <> '[]' ORDER BY target, failures->-1->>'at' DESC
)
SELECT target, coalesce(waiting, 0) AS waiting, coalesce(parked, 0) AS parked, coalesce(failing, 0) AS failing,
       coalesce(attempts, 0) AS attempts, coalesce(overdue, 0) AS overdue,
       oldest_at, coalesce(paused, why) AS paused, coalesce(paused_by, '') AS paused_by, resumed_at,
       coalesce(resumed_by, '') AS resumed_by, coalesce(failures, 0) AS failures, not_before,
       coalesce(asked_wait, false) AS asked_wait, undeclared_at, last_failure,
       CASE WHEN probes.home_at IS NOT NULL OR probes.missing_since IS NOT NULL THEN probes.sent_at END AS probed_at,
       probes.missing_since AS probe_missing_since, probes.waits_at AS probe_failure,
       lists.compared_at AS reconciled_at, lists.failure AS list_failure,
       coalesce(lists.missing_there + lists.unknown_here + lists.twice + lists.not_ours, 0) AS differences,
       coalesce(postponed, 0) AS postponed, postponed_until
FROM delivery_targets LEFT JOIN targets_at_floor USING (target)
    FULL JOIN waiting USING (target) FULL JOIN heads USING (target)
    LEFT JOIN late USING (target) LEFT JOIN last USING (target)
    LEFT JOIN (SELECT * FROM target_lists WHERE seen_at > clock_timestamp() - %(seen)s::interval) lists
        USING (target)
    LEFT JOIN probes ON probes.route = target ORDER BY target"""

# Read every few seconds whatever waits: from the targets' own rows, and the index of what is overdue.
_STATES = b"""
SELECT target, paused, by_hand, failures, not_before, asked_wait,
    failures > 0 AND (SELECT h.next_at FROM delivery_heads h WHERE h.target = t.target AND NOT h.parked
        ORDER BY h.next_at LIMIT 1) IS NOT NULL AS waits,
    coalesce(overdue, 0) AS overdue, overdue_since
FROM delivery_targets t LEFT JOIN (
    SELECT target, count(*) AS overdue, min(overdue_at) AS overdue_since FROM deliveries
    WHERE state = 'waiting' AND overdue_at IS NOT NULL GROUP BY target) late USING (target)
WHERE undeclared_at IS NULL ORDER BY target"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """Why a declared target gets nothing now: its pause, its breaker, and what its engineers' app has not taken.

    `by_hand`: a person paused it. `waits`: its last calls failed, and something is there to call.
    `overdue_since`: when the first of the `overdue` pushes became so; None without any.
    """

    target: str
    paused: str | None
    by_hand: bool
    failures: int
    not_before: datetime | None
    asked_wait: bool
    waits: bool
    overdue: int
    overdue_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """A target's figures. `waiting` counts all deliveries that are not settled, also behind letters, but not letters.

    `parked`: letters. `failing`: tickets whose oldest delivery failed and is tried again, the most tried one `attempts`
    times. `paused_by`: the person who paused it, empty where the bus did; `resumed_by`: who last let it be called
    again. `failures`: calls in a row that failed. `not_before`: when it may be called again, because it asked for the
    wait (`asked_wait`) or its breaker is open.
    `undeclared_at`: since when no live worker's targets file names it any more.
    `overdue`: what an engineer's app has not fetched in time. `last_failure`: of what is not settled, the latest failed
    attempt as it was written down.
    `probed_at`: when it was last asked whether it is there (None: it was not asked yet, or never is),
    `probe_missing_since`: since when it has not answered, `probe_failure`: why.
    `reconciled_at`: when its documents were last compared with what was delivered (None: never), `differences`: how
    many were named then; `list_failure`: why its list did not come the last time.
    `postponed`: tickets whose next delivery the target does not have before a time, the first of them
    `postponed_until`; `oldest_at` is of the others.
    """

    target: str
    waiting: int
    parked: int
    failing: int
    attempts: int
    overdue: int
    oldest_at: datetime | None
    paused: str | None
    paused_by: str
    resumed_at: datetime | None
    resumed_by: str
    failures: int
    not_before: datetime | None
    asked_wait: bool
    undeclared_at: datetime | None
    last_failure: dict[str, Any] | None
    probed_at: datetime | None = None
    probe_missing_since: datetime | None = None
    probe_failure: str | None = None
    reconciled_at: datetime | None = None
    list_failure: str | None = None
    differences: int = 0
    postponed: int = 0
    postponed_until: datetime | None = None

    @property
    def listed(self) -> bool:
        """Say whether it is of interest: a target that is no longer declared is, as long as something waits for it."""
        return self.undeclared_at is None or self.waiting + self.parked > 0


async def target_states(connection: Connection) -> list[TargetState]:
    """Read the states of all declared targets, by name; cheap, whatever waits."""
    return await read_rows(connection, _STATES, TargetState)


async def target_statuses(pool: Pool, *, failures: bool = True) -> list[TargetStatus]:
    """Read the status of all targets; without `failures`, which sorts every row that fails, no `last_failure`.

    Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        return await read_rows(connection, _STATUS, TargetStatus, {"failures": failures, "seen": SEEN_WITHIN})


async def report_target_status(pool: Pool, now: Callable[[], datetime]) -> None:
    """Update the gauges of all targets until cancelled; every worker does the same."""
    while True:
        began = monotonic()
        try:
            for one in await target_statuses(pool, failures=False):
                waited_s = (now() - one.oldest_at).total_seconds() if one.oldest_at else 0.0
                metrics.WAITING.labels(one.target).set(one.waiting)
                metrics.LETTERS.labels(one.target).set(one.parked)
                metrics.OLDEST_SECONDS.labels(one.target).set(max(waited_s, 0.0))
        except StoreUnavailable as error:
            log.warning("delivery_not_told", cause=str(error))
        # However much waits: counting it takes at most a twentieth of a connection's time.
        await asyncio.sleep(max(TELL_EVERY_S, 20 * (monotonic() - began)))
