"""Drift lists in memory, the newest first, and the routes of who answers for what on a store in memory."""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from bus.domain.calendars import ALWAYS_ALONE
from bus.domain.drift import DriftedTicket, drifted
from bus.domain.drift_list import DriftList
from bus.domain.dwell import TicketInState, in_state
from bus.domain.fairness import shares
from bus.gateway.http.routing import HttpRoute
from bus.gateway.routes.drift import DriftSources, drift_routes
from bus.gateway.routes.dwell import DwellSources, dwell_routes
from bus.gateway.routes.fairness import fairness_routes
from tests.gateway.fakes import StoreThatMayBeAway
from tests.gateway.giving import giving


class FakeDriftLists(list[DriftList]):
    """Gives the list of a day, or the last one, and the one before it."""

    async def until(self, day: date | None) -> Sequence[DriftList]:
        """Read them."""
        found = [one for one in self if day is None or one.day <= day][:2]
        return found if found and day in (None, found[0].day) else []


def responsibility_routes(
    store: StoreThatMayBeAway, lists: FakeDriftLists, now: Callable[[], datetime]
) -> Sequence[HttpRoute]:
    """Make the routes of dwell, drift and fairness."""

    async def in_regions(regions: Sequence[str]) -> Sequence[TicketInState]:
        found = [in_state(one) for one in await store.open()]
        return [one for one in found if one and (not regions or one.region in regions)]

    async def drifting(at: datetime) -> Sequence[DriftedTicket]:
        return [one for ticket in await store.open() if (one := drifted(ticket, at, {"已离岗"}))]

    shared = giving(lambda: shares(one for log in store.log.values() for one in log))
    return [
        *dwell_routes(DwellSources(read=in_regions, limits={}, calendars=ALWAYS_ALONE, now=now)),
        *drift_routes(DriftSources(drifting=drifting, lists=lists.until, now=now)),
        *fairness_routes(shared, now),
    ]
