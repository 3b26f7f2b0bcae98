"""Reconciles every source that has a list by itself, whenever it is due; workers take turns."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bus.domain.errors import StoreUnavailable
from bus.intake.source_adapter import Source
from bus.postgres.pool import connected
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

    async def run(self) -> None:
        """Look whenever it is time, until cancelled. A list that does not come is tried again when it is due."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("not_reconciled", cause=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Settle what has come, and reconcile the sources that are due. Raises StoreUnavailable."""
        lists = {name: source for name, source in self.sources.items() if isinstance(source, ListingSource)}
        async with connected(self.reconciler.pool) as connection:
            await declare_lists(connection, [*lists])
            await settle_arrived(connection)
        for name, source in lists.items():
            async with connected(self.reconciler.pool) as connection:
                due, before = await take_turn(connection, name, self.every)
            if due:
                await self._reconcile(name, source, before)

    async def _reconcile(self, name: str, source: ListingSource, before: datetime | None) -> None:
        until = self.reconciler.settled(self.reconciler.now())
        window = ListWindow(since=before - OVERLAP if before else until - FIRST, until=until)
        try:
            report = await self.reconciler.hold(name, source.listed, window)
        except ListUnavailable as failed:
            log.warning("list_not_read", source=name, cause=str(failed))
            return
        counts = {
            "missing_here": len(report.found.missing_here),
            "missing_there": len(report.found.missing_there),
            "different": len(report.different),
        }
        log.info("source_reconciled", source=name, listed=report.found.listed, **counts)
