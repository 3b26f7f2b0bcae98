"""Reconciles every target that has a list of documents by itself, once a day; workers take turns."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from bus.aio import until_one_ends
from bus.app import Core
from bus.delivery.document_list import ListingTarget
from bus.delivery.target_lists import (
    declare_target_lists,
    note_target_failure,
    note_target_report,
    take_target_turn,
)
from bus.delivery.target_reconciler import DocumentsUnavailable, TargetReconciler
from bus.domain.errors import Transient
from bus.intake.dispatch import utc_now
from bus.postgres.pool import connected
from bus.programs.rounds import in_rounds

BACK: Final = timedelta(days=30)  # so far each comparison goes back: what is older is named no more
AGAIN: Final = timedelta(minutes=10)  # after a list that did not come
LOOK_EVERY_S: Final = 30.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReconcileWatch:
    """Asks each target for its list every so often; a slow or broken one holds up no other."""

    reconciler: TargetReconciler
    targets: Mapping[str, ListingTarget]
    every: timedelta

    async def run(self) -> None:
        """Look whenever it is time, until cancelled."""
        looks = (partial(self.reconcile_due, name) for name in self.targets)
        await until_one_ends(_rounds(self.declare), *map(_rounds, looks))

    async def declare(self) -> None:
        """Renew which targets have a list. Raises StoreUnavailable."""
        async with connected(self.reconciler.pool) as connection:
            await declare_target_lists(connection, [*self.targets])

    async def reconcile_due(self, name: str) -> None:
        """Reconcile a target if it is due, and note what that came to. Raises StoreUnavailable, Transient."""
        async with connected(self.reconciler.pool) as connection:
            await declare_target_lists(connection, [name])
            if not await take_target_turn(connection, name, every=self.every, again=AGAIN):
                return
        until = self.reconciler.now()
        try:
            report = await self.reconciler.reconcile(name, self.targets[name], until - BACK, until)
        except DocumentsUnavailable as failed:
            log.warning("documents_not_listed", target=name, cause=str(failed))
            async with connected(self.reconciler.pool) as connection:
                await note_target_failure(connection, name, str(failed))
            return
        async with connected(self.reconciler.pool) as connection:
            await note_target_report(connection, report)
        found = report.found
        log.info("target_reconciled", target=name, listed=found.listed, differences=len(found.differences))


def target_reconciler_of(core: Core) -> TargetReconciler:
    """Make the reconciler of a program."""
    return TargetReconciler(pool=core.pool, events=core.schemas.events, now=utc_now)


def _rounds(look: Callable[[], Awaitable[None]]) -> Coroutine[None, None, None]:
    return in_rounds(look, LOOK_EVERY_S, "target_not_reconciled", passing=Transient)
