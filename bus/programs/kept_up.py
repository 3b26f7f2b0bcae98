"""A part of a program that is kept up: what it fails on is said, and stops no other part."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

from bus.aio import Backoff, cancellation_as_error, wait
from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.domain.errors import cause_of

PAUSE_S_MIN, PAUSE_S_MAX = 1.0, 60.0
STEADY_S = 120.0  # who ran this long since its last failure works again
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class KeptUp:
    """Runs a part until `stopping` is set, anew after a failure with a growing pause; never ends the program."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]
    report: AlertSink
    _why: str | None = None
    _began: float = field(default_factory=monotonic)

    def trouble(self) -> str | None:
        """Say what the part failed on; None once it has run on for a while."""
        return self._why if self._why is None or monotonic() - self._began < STEADY_S else None

    async def until(self, stopping: asyncio.Event) -> None:
        """Run it. Each cause is reported once for as long as it stays the same."""
        pause = Backoff(PAUSE_S_MIN, PAUSE_S_MAX)
        while not stopping.is_set():
            self._began = monotonic()
            try:
                with cancellation_as_error():
                    await self.run()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this part's: the others go on
                self._failed(error)
            if monotonic() - self._began > STEADY_S:
                pause.reset()
            await wait(stopping, pause.pause_s())

    def _failed(self, error: Exception) -> None:
        why = cause_of(error)
        log.error("task_failed", task=self.name, exc_info=error)
        if self.trouble() != why:
            self.report(
                Alert(
                    rule=RuleName.TASK_FAILED,
                    about=self.name,
                    zh=f"worker 的 {self.name} 出错,正在重试,其他部分照常:{why}",
                    en=f"{self.name} of a worker failed and is tried again, all else goes on: {why}",
                )
            )
        self._why = why
