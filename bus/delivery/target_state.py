"""A target's state, one row for all workers: its pause and its circuit breaker."""

from collections.abc import Sequence
from datetime import datetime

from bus.delivery.breaker import CLOSED, Breaker
from bus.domain.errors import Conflict
from bus.domain.naming import nearest
from bus.domain.text import Text
from bus.postgres.pool import Connection, Pool, connected

_BEGIN = "INSERT INTO delivery_targets (target) VALUES (%s) ON CONFLICT DO NOTHING"
_READ = "SELECT paused, failures, not_before FROM delivery_targets WHERE target = %s"
_WRITE = "UPDATE delivery_targets SET failures = %s, not_before = %s WHERE target = %s"
_HOLD = "UPDATE delivery_targets SET paused = %s WHERE target = %s AND paused IS NULL"
_PAUSE = "UPDATE delivery_targets SET paused = %s WHERE target = %s"
_TARGETS = "SELECT target FROM delivery_targets ORDER BY target"
_RESUME = """
UPDATE delivery_targets SET paused = NULL, failures = 0, not_before = NULL WHERE target = %s AND paused IS NOT NULL"""


class NoSuchTarget(Conflict):
    """No worker has begun with a target of that name; `nearest` may be what was meant."""

    def __init__(self, target: str, known: Sequence[str]) -> None:
        self.nearest = nearest(target[:80], known)
        zh, en = (f",是否指 {self.nearest}?", f"; did you mean {self.nearest}?") if self.nearest else ("", "")
        shown = target[:80]
        super().__init__(Text(f"没有投递目标 {shown!r}{zh}", f"there is no target {shown!r}{en}"))


async def begin(pool: Pool, target: str) -> None:
    """Make the row of a target that has none. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        await connection.execute(_BEGIN, (target,))


async def read(connection: Connection, target: str, *, lock: bool) -> tuple[str | None, Breaker]:
    """Read why a target is paused, if it is, and its breaker; with `lock` the row is locked for this transaction."""
    query = _READ + " FOR UPDATE" if lock else _READ
    row = await (await connection.execute(query.encode(), (target,))).fetchone()
    paused, failures, not_before = row or (None, 0, None)
    return paused, Breaker(failures=failures, not_before=not_before)


async def write(connection: Connection, target: str, breaker: Breaker) -> None:
    """Keep the breaker."""
    await connection.execute(_WRITE, (breaker.failures, breaker.not_before, target))


async def hold(connection: Connection, target: str, why: str) -> None:
    """Pause a target in the transaction given; who paused it before is not overwritten."""
    await connection.execute(_HOLD, (why, target))


async def pause(connection: Connection, target: str, why: str) -> None:
    """Pause the target; calls under way end by themselves. Raises NoSuchTarget."""
    if not (await connection.execute(_PAUSE, (why, target))).rowcount:
        raise NoSuchTarget(target, await _targets(connection))


async def resume(connection: Connection, target: str) -> bool:
    """Let it be called again, its breaker closed; False when it was not paused. Raises NoSuchTarget."""
    if (await connection.execute(_RESUME, (target,))).rowcount:
        return True
    if target not in (targets := await _targets(connection)):
        raise NoSuchTarget(target, targets)
    return False


async def _targets(connection: Connection) -> list[str]:
    return [target for (target,) in await (await connection.execute(_TARGETS)).fetchall()]


def at_rest(breaker: Breaker, now: datetime) -> bool:
    """Say whether the breaker neither counts nor holds anything back."""
    return breaker == CLOSED or (breaker.failures == 0 and breaker.not_before is not None and breaker.not_before <= now)
