"""A stage that fails again and again without getting on: noticed, and said wherever people look."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from time import monotonic

import structlog

from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.domain.errors import cause_of
from bus.postgres.pool import Pool, connected
from bus.stage import metrics, offsets
from bus.stage.handler import Stage

FAILURES, WITHIN_S = 3, 20.0  # so many in a row, over so long: shorter trouble is a broker that changes leaders
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Stall:
    """Counts a stage's failures since it last got on. `why` is what it fails on once it counts as stopped, else None.

    Its handlers' offsets of the partitions `held` say so too, where `projection list`, `status`, `doctor` and `trace`
    read it.
    """

    stage: Stage
    pool: Pool
    report: AlertSink
    why: str | None = None
    held: Callable[[], Collection[int]] = tuple
    clock: Callable[[], float] = monotonic
    _failures: int = 0
    _since: float = 0.0
    _written: str | None = None

    async def failed(self, error: Exception) -> None:
        """Count a failure; never raises one of its own."""
        self._since = self._since if self._failures else self.clock()
        self._failures += 1
        if self.why is None and self._failures >= FAILURES and self.clock() - self._since >= WITHIN_S:
            what = cause_of(error)
            self.why = offsets.STALLED + what
            self.report(_stalled(self.stage.name, what))
        await self._write()

    async def got_on(self) -> None:
        """Forget what failed: records took effect, or none waits."""
        self._failures, self.why = 0, None
        await self._write()

    async def heed(self, rows: Iterable[offsets.HandlerPosition]) -> None:
        """Take back what a worker that is gone wrote about partitions that this one holds now and works on."""
        if self.why is None and any((row.failure or "").startswith(offsets.STALLED) for row in rows):
            async with connected(self.pool) as connection:
                await offsets.stall(connection, [handler.name for handler in self.stage.handlers], None)

    async def _write(self) -> None:
        """Let the offsets say what holds now, unless they do; while PostgreSQL is away the next call tries again."""
        if self._written == self.why:
            return
        metrics.STALLED.labels(self.stage.name).set(self.why is not None)
        try:
            async with connected(self.pool) as connection:
                await offsets.stall(
                    connection, [handler.name for handler in self.stage.handlers], self.why, self.held()
                )
            self._written = self.why
        except Exception as error:  # noqa: BLE001 - a standby that takes no writes, a right that is gone: the stage goes on
            log.warning("stall_not_written", stage=self.stage.name, error=f"{type(error).__name__}")


def _stalled(stage: str, what: str) -> Alert:
    return Alert(
        rule=RuleName.STAGE_STOPPED,
        about=stage,
        zh=f"阶段 {stage} 反复失败,没有进展,其后的记录都在等待:{what}",
        en=f"stage {stage} fails again and again and gets nowhere, and what follows waits: {what}",
        facts={"stage": stage},
    )
