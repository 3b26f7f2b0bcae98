"""The look-up of journeys, as the gateway and `ticketbus trace` use it."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from bus.app import Core
from bus.journey.journey import LogReaders, journey
from bus.stage_names import LOG_STAGES
from schemas.topics import LOG, physical


def journeys_of(core: Core) -> Callable[..., Coroutine[Any, Any, dict[str, Any] | None]]:
    """Make the look-up of a ticket's journey, which knows the handlers that this version runs."""
    readers = LogReaders(records=physical(core.settings.namespace, LOG), stages=LOG_STAGES)
    return functools.partial(journey, core.pool, core.clear, readers)
