"""Reconciles every source that has a list by itself, whenever it is due; workers take turns."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bus.aio import cancel_all, until_one_ends
from bus.intake.source_adapter import Source
from bus.postgres.pool import connected
from bus.programs.rounds import in_rounds
from bus.reconcile.compare import ListWindow
from bus.reconcile.reconciler import Reconciler
from bus.reconcile.source_list import ListingSource, ListUnavailable
from bus.reconcile.store import FIRST, OVERLAP, declare_lists, settle_arrived, take_turn

LOOK_EVERY_S: Final = 15.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileWatch:
    """Asks each source for its list every so often, and looks whether what was missing has come."""

    reconciler: Reconciler
    sources: Mapping[str, Source]
    every: timedelta
    look_every_s: float = LOOK_EVERY_S

    async def run(self) -> None:
        """Look whenever it is time, until cancelled; a slow or broken list holds up no other."""
        await until_one_ends(self._repeated(self.settle), self._rounds())

    async def _rounds(self) -> None:
        """Keep a task for each source that has a list, as maps come and go; ends with what one of them raises."""
        tasks = dict[str, asyncio.Task[None]]()
        try:
            while True:
                named = {one.name for one in self._lists()}
                await cancel_all([tasks.pop(name) for name in tasks.keys() - named])
                for name in named - tasks.keys():
                    tasks[name] = asyncio.create_task(self._repeated(partial(self._reconcile_named, name)))
                await asyncio.sleep(self.look_every_s)
                for task in tasks.values():
                    if task.done():
                        task.result()
        finally:
            await cancel_all(tasks.values())

    async def _reconcile_named(self, name: str) -> None:
        """Reconcile a source as its map has it by now."""
        source = self.sources.get(name)
        if isinstance(source, ListingSource):
            await self.reconcile_due(source)

    async def settle(self) -> None:
        """Renew which sources have a list, and settle what has come. Raises StoreUnavailable."""
        async with connected(self.reconciler.pool) as connection:
            await declare_lists(connection, [one.name for one in self._lists()])
            await settle_arrived(connection)

    async def reconcile_due(self, source: ListingSource) -> None:
        """Reconcile a source if it is due, a day at a time where it is behind. Raises StoreUnavailable.

        A list that does not come is asked for again when it is due again.
        """
        every, behind = self.every, True
        while behind:
            async with connected(self.reconciler.pool) as connection:
                due, before = await take_turn(connection, source.name, every)
            every, behind = timedelta(0), due and await self._reconcile(source.name, source, before)

    def _lists(self) -> Sequence[ListingSource]:
        return [source for source in self.sources.values() if isinstance(source, ListingSource)]

    async def _reconcile(self, name: str, source: ListingSource, before: datetime | None) -> bool:
        """Reconcile at most a day on from where it ended; says whether there is more to do."""
        settled = self.reconciler.settled(self.reconciler.now())
        until = min(settled, before + FIRST) if before else settled
        window = ListWindow(since=before - OVERLAP if before else until - FIRST, until=until)
        try:
            report = await self.reconciler.reconcile(name, source.listed, window)
        except ListUnavailable as failed:
            log.warning("list_not_read", source=name, cause=str(failed))
            return False
        if report.unjudged:
            log.warning("list_not_read_again", source=name, cause=str(report.unjudged))
        counts = {
            "missing_here": len(report.found.missing_here),
            "missing_there": len(report.found.missing_there),
            "different": len(report.different),
        }
        log.info("source_reconciled", source=name, listed=report.found.listed, until=until.isoformat(), **counts)
        return until < settled

    def _repeated(self, look: Callable[[], Awaitable[None]]) -> Coroutine[None, None, None]:
        return in_rounds(look, self.look_every_s, "not_reconciled")
