"""Rollouts in PostgreSQL: which ticket is on which side, the figures of both, and how each rollout went."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from bus.delivery import target_state
from bus.delivery.breaker import Breaker
from bus.delivery.rollout import STEPS, Figures, Rollout, RolloutState, TicketPlace
from bus.domain.delivery_state import is_breaker_open
from bus.domain.errors import Conflict
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

LISTED_MAX: Final = 50
FIGURES_MAX: Final = 10_000  # deliveries acknowledged, and waiting, that are counted: it is done every few seconds
_COLUMNS: Final[LiteralString] = (
    "number, target, canary, state, percent, step_minutes, step_events, started_at, step_at"
)
_LATEST: Final[LiteralString] = f"""
SELECT DISTINCT ON (target) {_COLUMNS} FROM rollouts ORDER BY target, number DESC"""  # noqa: S608 - our own columns
_LIST: Final[LiteralString] = f"""
SELECT {_COLUMNS}, started_by, why, ended_at, ended_by, ended_zh, ended_en,
    (SELECT count(*) FROM rollout_tickets t WHERE t.rollout = r.number) AS tickets
FROM rollouts r ORDER BY number DESC LIMIT %s"""  # noqa: S608 - our own columns
# Who moves a queue locks it, too: what is seen here stays so until this transaction ends. The new version's first, as
# those do who move back.
_HEADS: Final[LiteralString] = """
SELECT ticket_id FROM delivery_heads WHERE target = %s AND ticket_id = ANY (%s) ORDER BY ticket_id FOR UPDATE"""
_MOVED: Final[LiteralString] = """
SELECT ticket_id FROM rollout_tickets WHERE rollout = %s AND ticket_id = ANY (%s)"""
_MOVE: Final[LiteralString] = """
INSERT INTO rollout_tickets (rollout, ticket_id) SELECT %s, * FROM unnest(%s::text[]) ON CONFLICT DO NOTHING"""
_KNOWN: Final[LiteralString] = """
SELECT target, ticket_id, version FROM deliveries WHERE target = ANY (%s) AND ticket_id = ANY (%s)
    AND (ticket_id, version) IN (SELECT * FROM unnest(%s::text[], %s::int[]))"""
_START: Final[LiteralString] = """
INSERT INTO rollouts (target, canary, percent, step_minutes, step_events, started_by, why)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING number"""
_CANARY_OF: Final[LiteralString] = "SELECT canary_of FROM delivery_targets WHERE target = %s"
_STEP: Final[LiteralString] = """
UPDATE rollouts SET percent = %s, step_at = now() WHERE number = %s AND state = 'running' AND percent = %s"""
_END: Final[LiteralString] = """
UPDATE rollouts SET state = %s, ended_at = now(), ended_by = %s, ended_zh = %s, ended_en = %s,
    percent = CASE WHEN %s THEN 100 ELSE percent END
WHERE target = %s AND state = 'running' AND number = coalesce(%s, number) RETURNING number"""
_FORGET: Final[LiteralString] = "DELETE FROM rollout_tickets WHERE rollout = %s"
_FIGURES: Final[LiteralString] = """
WITH mine AS (
    (SELECT d.ticket_id, d.version, d.state, d.attempts > 1 AS failed,
        CASE WHEN d.attempts = 1 THEN extract(epoch FROM d.settled_at - d.first_tried_at) END AS latency_s
    FROM deliveries d WHERE d.target = %(target)s AND d.state = 'done' AND d.settled_at >= %(since)s
    ORDER BY d.settled_at DESC LIMIT %(most)s)
    UNION ALL
    (SELECT d.ticket_id, d.version, d.state, h.failures <> '[]', NULL
    FROM deliveries d LEFT JOIN delivery_heads h USING (target, ticket_id, version)
    WHERE d.target = %(target)s AND d.state = 'waiting' AND d.enqueued_at >= %(since)s LIMIT %(most)s)
), types AS (
    SELECT e.ce_type, count(*) AS received, count(*) FILTER (WHERE m.state = 'done') AS done
    FROM mine m JOIN events e USING (ticket_id, version) GROUP BY e.ce_type
)
SELECT f.*, t.paused IS NOT NULL AS paused, coalesce(t.failures, 0) AS failures, t.not_before,
    coalesce(t.asked_wait, false) AS asked_wait
FROM (
    SELECT count(*) AS received, count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE failed) AS failed,
        coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_s), 0)::float AS latency_s,
        (SELECT coalesce(jsonb_object_agg(ce_type, received), '{}') FROM types) AS received_of,
        (SELECT coalesce(jsonb_object_agg(ce_type, done), '{}') FROM types) AS done_of
    FROM mine) f LEFT JOIN delivery_targets t ON t.target = %(target)s"""
_ROLLED_BACK: Final[LiteralString] = """
SELECT target, canary, percent, ended_at, ended_zh AS zh, ended_en AS en FROM (
    SELECT DISTINCT ON (target) * FROM rollouts ORDER BY target, number DESC) r WHERE state = 'rolled_back'"""
_MISPLACED: Final[LiteralString] = """
SELECT r.canary, r.target, r.ended_zh, r.ended_en FROM (
    SELECT DISTINCT ON (canary) * FROM rollouts ORDER BY canary, number DESC) r
WHERE r.state IN ('aborted', 'rolled_back') AND EXISTS (SELECT FROM delivery_heads h WHERE h.target = r.canary)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A target's newest rollout, where it was rolled back by itself, and why."""

    target: str
    canary: str
    percent: int
    ended_at: datetime
    zh: str
    en: str


class NotInRollout(Conflict):
    """What was asked does not go with the rollouts that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRollout:
    """A rollout as people see it; `tickets`: how many the new version has, while it runs."""

    rollout: Rollout
    started_by: str
    why: str
    ended_at: datetime | None
    ended_by: str | None
    ended_zh: str | None
    ended_en: str | None
    tickets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MisplacedQueue:
    """Something waits for the new version of a rollout that is over: it belongs to the old one."""

    canary: str
    target: str
    why: str


async def latest_rollouts(connection: Connection) -> list[Rollout]:
    """Give the newest rollout of each target, over or not."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        return [_row(one) for one in await (await cursor.execute(_LATEST)).fetchall()]


def _row(row: dict[str, Any]) -> Rollout:
    return Rollout(**{**row, "state": RolloutState(row["state"])})


async def list_rollouts(connection: Connection, most: int) -> list[ListedRollout]:
    """List rollouts, the newest first."""
    names = [name.strip() for name in _COLUMNS.split(",")]
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_LIST, (most,))).fetchall()
    return [ListedRollout(rollout=_row({name: row.pop(name) for name in names}), **row) for row in rows]


async def list_with_figures(connection: Connection) -> list[tuple[ListedRollout, list[Figures]]]:
    """List rollouts, the newest first; of those that run the figures of the old version and of the new one."""
    found = list[tuple[ListedRollout, list[Figures]]]()
    for one in await list_rollouts(connection, LISTED_MAX):
        row = one.rollout
        asked = [(row.target, row.started_at), (row.canary, row.step_at)] if row.state is RolloutState.RUNNING else []
        found.append((one, [await figures(connection, *each) for each in asked]))
    return found


def rollout_json(one: ListedRollout, both: Sequence[Figures]) -> dict[str, Any]:
    """Give its fields, and the figures of both versions, as the command line and HTTP show them."""
    row = asdict(one)
    return {**row.pop("rollout"), **row, **dict(zip(("old", "new"), map(asdict, both), strict=False))}


async def places(connection: Connection, rollout: Rollout, tickets: Collection[str]) -> dict[str, TicketPlace]:
    """Say of tickets on which side they are, and lock what waits of them at both until the transaction ends."""
    asked = [*tickets]
    at_canary, at_target, moved = [
        {ticket for (ticket,) in await (await connection.execute(query, (whose, asked))).fetchall()}
        for query, whose in ((_HEADS, rollout.canary), (_HEADS, rollout.target), (_MOVED, rollout.number))
    ]
    return {
        one: TicketPlace(moved=one in moved, waits_at_target=one in at_target, waits_at_canary=one in at_canary)
        for one in asked
    }


async def keep_moved(connection: Connection, rollout: Rollout, tickets: Collection[str]) -> None:
    """Keep which tickets have moved to the new version, while it runs; idempotent."""
    if tickets:
        await connection.execute(_MOVE, (rollout.number, [*tickets]))


async def known_deliveries(
    connection: Connection, targets: Sequence[str], events: Sequence[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Give those of the events that any of the targets was given already."""
    tickets, versions = [one[0] for one in events], [one[1] for one in events]
    rows = await (await connection.execute(_KNOWN, ([*targets], tickets, tickets, versions))).fetchall()
    return {(ticket, version) for _, ticket, version in rows}


async def start(
    connection: Connection, target: str, canary: str, *, minutes: int, events: int, by: str, why: str
) -> int:
    """Begin a rollout at the first step; gives its number. Raises NoSuchTarget, NotDeclared, NotInRollout."""
    for one in (target, canary):
        await target_state.check_known(connection, one)
    await target_state.check_declared(connection, [target, canary])
    row = await (await connection.execute(_CANARY_OF, (canary,))).fetchone()
    if row is None or row[0] != target:
        zh = f"targets 文件没有写 {canary} 是 {target} 的新版本:请在 {canary} 下写 canary_of: {target},重启 worker"
        en = f"the targets file does not say that {canary} is a new version of {target}: write `canary_of: {target}`"
        raise NotInRollout(Text(zh, f"{en} there, and start the workers anew"))
    if any(one.state is RolloutState.PROMOTED and one.canary == canary for one in await latest_rollouts(connection)):
        zh = f"{canary} 已全量:请从 targets 文件删除 {target}"
        en = f"{canary} has all of it: take {target} out of the targets file"
        raise NotInRollout(Text(zh, f"{en}, and `canary_of` from {canary}"))
    try:
        async with connection.transaction():
            cursor = await connection.execute(_START, (target, canary, STEPS[0], minutes, events, by, why))
            ((number,),) = await cursor.fetchall()
    except UniqueViolation:
        raise NotInRollout(Text(f"{target} 已有进行中的灰度", f"a rollout of {target} is running already")) from None
    return int(number)


async def step_up(connection: Connection, rollout: Rollout, percent: int) -> bool:
    """Let the new version take a larger share; False where the rollout is no longer as it was."""
    return (await connection.execute(_STEP, (percent, rollout.number, rollout.percent))).rowcount > 0


async def end(
    connection: Connection, target: str, state: RolloutState, *, by: str, why: Text, number: int | None = None
) -> None:
    """End the running rollout of a target, or that `number` alone. Raises NotInRollout where none runs."""
    promoted = state is RolloutState.PROMOTED
    cursor = await connection.execute(_END, (state.value, by, why.zh, why.en, promoted, target, number))
    row = await cursor.fetchone()
    if row is None:
        raise NotInRollout(Text(f"{target} 没有进行中的灰度", f"no rollout of {target} is running"))
    await connection.execute(_FORGET, row)


async def figures(connection: Connection, target: str, since: datetime) -> Figures:
    """Count what a target received, acknowledged and failed at since a time; at most the last FIGURES_MAX."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(_FIGURES, {"target": target, "since": since, "most": FIGURES_MAX})).fetchone()
    assert row is not None, "an aggregate has a row"
    paused = row.pop("paused")
    breaker = Breaker(**{name: row.pop(name) for name in ("failures", "not_before", "asked_wait")})
    return Figures(**row, held=paused or is_breaker_open(breaker))


async def rolled_back(connection: Connection) -> list[RolledBack]:
    """Give the targets whose newest rollout was rolled back."""
    return await read_rows(connection, _ROLLED_BACK, RolledBack)


async def misplaced_queues(connection: Connection) -> list[MisplacedQueue]:
    """Give the queues that are to move back to the old version."""
    rows = await (await connection.execute(_MISPLACED)).fetchall()
    return [MisplacedQueue(canary=canary, target=target, why=f"{zh} / {en}") for canary, target, zh, en in rows]
