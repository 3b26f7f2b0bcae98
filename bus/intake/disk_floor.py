"""Whether intake is stopped: the disk of a broker, of the database or, for uploads, of the files is at its floor."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Final

import structlog

from bus.domain.errors import IntakeStopped, StoreUnavailable
from bus.domain.text import Text
from bus.postgres.pool import Pool, connected

LOOK_EVERY_S: Final = 2.0
INTAKE_ROLES: Final = ("broker", "database")
FILES_ROLE: Final = "files"  # of the host whose disk holds the files: at its floor uploads alone stop
_FLOOR: Final = "SELECT host, path FROM disk_floors WHERE role = ANY (%s) ORDER BY host, path LIMIT 1"
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class DiskFloor:
    """What was last seen of it. While PostgreSQL is away that counts: a full database is not spooled around.

    One serves a whole program: all that take in share a look every 2 s.
    """

    pool: Pool
    roles: Sequence[str] = INTAKE_ROLES
    clock: Callable[[], float] = monotonic
    _why: Text | None = None
    _looked_at: float = -inf

    def check(self) -> None:
        """Raise IntakeStopped while a disk is at its floor, by the last look."""
        if self._why:
            raise IntakeStopped(self._why)

    async def admit(self) -> None:
        """Look unless somebody just has, then check. Raises IntakeStopped, StoreUnavailable."""
        if self.clock() - self._looked_at >= LOOK_EVERY_S:
            await self._look()
        self.check()

    async def run(self) -> None:
        """Look every 2 s until cancelled."""
        while True:
            try:
                await self._look()
            except StoreUnavailable as error:
                log.warning("disk_floor_not_read", cause=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        async with connected(self.pool) as connection:
            row = await (await connection.execute(_FLOOR, (list(self.roles),))).fetchone()
        self._looked_at = self.clock()
        why = _why(*row) if row else None
        if (why is None) != (self._why is None):
            stopped = "uploads" if FILES_ROLE in self.roles else "intake"
            what = f"{stopped}_resumed" if why is None else f"{stopped}_stopped"
            log.warning(what, disk=row and f"{row[0]} {row[1]}", roles=self.roles)
        self._why = why


def _why(host: str, path: str) -> Text:
    return Text(
        f"主机 {host} 的 {path} 磁盘已到停写线,暂停受理,腾出空间后自动恢复;请稍后用同一幂等键重试",
        f"the disk of {path} on {host} is at its floor: nothing is taken in until it has room; retry with the same key",
    )
