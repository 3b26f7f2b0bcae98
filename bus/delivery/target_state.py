"""A target's state, one row for all workers: its pause and its circuit breaker."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bus.delivery.breaker import CLOSED, Breaker
from bus.domain.errors import Conflict
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from bus.domain.time_text import WITH_THE_YEAR, time_text
from bus.postgres.pool import Connection, Pool, connected

_BEGIN = "INSERT INTO delivery_targets (target) VALUES (%s) ON CONFLICT DO NOTHING"
_READ = """
SELECT coalesce(paused, (SELECT why FROM targets_at_floor f WHERE f.target = t.target)), resumed_at, failures,
    not_before, asked_wait
FROM delivery_targets t WHERE target = %s"""
_WRITE = "UPDATE delivery_targets SET failures = %s, not_before = %s, asked_wait = %s WHERE target = %s"
_HOLD = "UPDATE delivery_targets SET paused = %s, by_hand = false, paused_by = '' WHERE target = %s AND paused IS NULL"
_PAUSE = "UPDATE delivery_targets SET paused = %s, by_hand = true, paused_by = %s WHERE target = %s"
_UNDECLARED = """
SELECT target, undeclared_at FROM delivery_targets WHERE target = ANY (%s) ORDER BY undeclared_at, target"""
# A new version whose rollout is over is no longer to have what waits for it, whatever the targets file says.
_DROPPED = """
SELECT undeclared_at IS NOT NULL OR coalesce((
    SELECT r.state IN ('aborted', 'rolled_back') FROM rollouts r WHERE r.canary = t.target
    ORDER BY r.number DESC LIMIT 1), false)
FROM delivery_targets t WHERE target = %s FOR UPDATE OF t"""
_TARGETS = "SELECT target FROM delivery_targets ORDER BY target"
_RESUME = """
UPDATE delivery_targets SET paused = NULL, paused_by = '', resumed_by = %(by)s, failures = 0,
    not_before = NULL, asked_wait = false,
    resumed_at = CASE WHEN paused IS NOT NULL THEN %(now)s ELSE resumed_at END
WHERE target = %(target)s AND (paused IS NOT NULL OR not_before > %(now)s OR failures > 0)"""
# Not what a call may be under way for: the end of its lease is told from no other time. In one lock order.
_RETRY_NOW = """
UPDATE delivery_heads SET next_at = %(now)s WHERE target = %(target)s AND ticket_id = ANY (ARRAY(
    SELECT ticket_id FROM delivery_heads
    WHERE target = %(target)s AND NOT parked AND NOT unsure AND next_at > %(now)s ORDER BY ticket_id FOR UPDATE))"""


class NoSuchTarget(Conflict):
    """No worker has begun with a target of that name; `nearest` may be what was meant."""

    def __init__(self, target: str, known: Sequence[str]) -> None:
        self.nearest = nearest(target[:80], known)
        meant = did_you_mean(self.nearest)
        shown = target[:80]
        super().__init__(Text(f"没有投递目标 {shown!r}{meant.zh}", f"there is no target {shown!r}{meant.en}"))


class NotDeclared(Conflict):
    """No live worker's targets file names this target any more, so that nobody calls it."""

    def __init__(self, target: str, since: datetime) -> None:
        at = time_text(since, WITH_THE_YEAR)
        super().__init__(
            Text(
                f"“{target}”自 {at.zh} 起已不在目标文件中,没有 worker 调用它:重新写入目标文件并重启 worker,"
                f"或用 delivery move {target} --to 另一目标、delivery discard {target}",
                f"{target} is no longer declared since {at.en}, so that no worker calls it: put it into the targets "
                f"file and start the workers anew, or `delivery move {target} --to OTHER`, or "
                f"`delivery discard {target}`",
            )
        )


class StillDeclared(Conflict):
    """A live worker's targets file names this target, or did a minute ago: what waits for it is delivered."""

    def __init__(self, target: str) -> None:
        super().__init__(
            Text(
                f"“{target}”仍在目标文件中,其等待的投递不能整体作废或移走;"
                "先从目标文件中删除,重启所有 worker,一分钟后再试",
                f"{target} is declared, and what waits for it is not to be let go or moved as a whole: take it out of "
                "the targets file, start all workers anew, and try again a minute later",
            )
        )


async def check_declared(connection: Connection, targets: Collection[str]) -> None:
    """Raise NotDeclared for a target that no file names any more; one that no worker ever began with is let through."""
    rows = await (await connection.execute(_UNDECLARED, (sorted(targets),))).fetchall()
    for target, since in rows:
        if since is not None:
            raise NotDeclared(target, since)


async def check_known(connection: Connection, target: str) -> None:
    """Raise NoSuchTarget for a target that no worker ever began with."""
    if target not in (targets := await _targets(connection)):
        raise NoSuchTarget(target, targets)


async def check_undeclared(connection: Connection, target: str) -> None:
    """Raise StillDeclared for a target that is declared, NoSuchTarget for one that never was; it is locked.

    The new version of a rollout that was aborted counts as undeclared.
    """
    row = await (await connection.execute(_DROPPED, (target,))).fetchone()
    if row is None:
        raise NoSuchTarget(target, await _targets(connection))
    if not row[0]:
        raise StillDeclared(target)


async def begin(pool: Pool, target: str) -> None:
    """Make the row of a target that has none. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        await connection.execute(_BEGIN, (target,))


async def read(connection: Connection, target: str, *, lock: bool) -> tuple[str | None, datetime | None, Breaker]:
    """Read why a target is paused, if it is, when its last pause ended, and its breaker.

    With `lock` the row is locked for this transaction.
    """
    query = _READ + " FOR UPDATE" if lock else _READ
    row = await (await connection.execute(query.encode(), (target,))).fetchone()
    paused, resumed_at, failures, not_before, asked_wait = row or (None, None, 0, None, False)
    return paused, resumed_at, Breaker(failures=failures, not_before=not_before, asked_wait=asked_wait)


async def write(connection: Connection, target: str, breaker: Breaker) -> None:
    """Keep the breaker."""
    await connection.execute(_WRITE, (breaker.failures, breaker.not_before, breaker.asked_wait, target))


async def hold(connection: Connection, target: str, why: str) -> None:
    """Pause a target by the bus itself, in the transaction given; who paused it before is not overwritten."""
    await connection.execute(_HOLD, (why, target))


async def pause(connection: Connection, target: str, *, by: str, why: str) -> str:
    """Pause the target for a person; calls under way end by themselves. Gives what others see. Raises NoSuchTarget."""
    reason = f"{by}: {why}"
    if not (await connection.execute(_PAUSE, (reason, by, target))).rowcount:
        raise NoSuchTarget(target, await _targets(connection))
    return reason


async def resume(connection: Connection, target: str, now: datetime, *, by: str) -> bool:
    """Let it be called again at once, its breaker closed; also when it asked for a wait that is not over.

    What waits for its next attempt is due. After a pause the rows that were tried have their whole deadline again.
    False when nothing held it and nothing waited.
    Raises NoSuchTarget, NotDeclared.
    """
    await check_known(connection, target)
    await check_declared(connection, [target])
    held = await connection.execute(_RESUME, {"target": target, "now": now, "by": by})
    waited = await connection.execute(_RETRY_NOW, {"target": target, "now": now})
    return bool(held.rowcount or waited.rowcount)


async def _targets(connection: Connection) -> list[str]:
    return [target for (target,) in await (await connection.execute(_TARGETS)).fetchall()]


def at_rest(breaker: Breaker) -> bool:
    """Say whether the breaker neither counts nor holds anything back."""
    return breaker == CLOSED
