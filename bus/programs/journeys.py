"""The look-up of journeys, as the gateway and `ticketbus trace` use it."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from bus.app import Core
from bus.journey.journey import JourneyParts, journey
from bus.journey.spooled import SpoolSearch
from bus.programs.sources import sources
from bus.reconcile.store import missing_named
from bus.stage_names import LOG_STAGES
from schemas.topics import INTAKE, LOG, physical


def journeys_of(core: Core) -> Callable[..., Coroutine[Any, Any, dict[str, Any] | None]]:
    """Make the look-up of a ticket's journey, which knows the handlers that this version runs."""
    namespace = core.settings.namespace
    spool = SpoolSearch(
        settings=core.settings,
        codec=core.codec,
        pool=core.pool,
        topic=physical(namespace, INTAKE),
        partitions=core.contract.topics[INTAKE].partitions,
    )
    parts = JourneyParts(
        records=physical(namespace, LOG),
        stages=LOG_STAGES,
        clients=[*sources(core.settings)],
        spool=spool,
        missing=missing_named,
    )
    return functools.partial(journey, core.pool, core.clear, parts)
