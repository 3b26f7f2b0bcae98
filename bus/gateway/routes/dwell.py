"""The route of what stands still: how long tickets are in their state (R15)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.calendars import Calendars
from bus.domain.dwell import Dwell, DwellLimits, DwellPlace, TicketInState, dwells, heat_map, red_ones
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.read.reach import scope_of


class DwellAnswer(TypedDict):
    """The heat map by state and region, and the red tickets, the longest first; of the tickets that the client reaches.

    Seconds: `wall_s` by the clock, `working_s` and `longest_s` in the working hours of the ticket's region.
    """

    places: list[DwellPlace]
    red: list[Dwell]


@dataclass(frozen=True, slots=True, kw_only=True)
class DwellSources:
    """What is measured, and by what. `read`: the tickets of regions, or of all; raises StoreUnavailable."""

    read: Callable[[Sequence[str]], Awaitable[Sequence[TicketInState]]]
    limits: DwellLimits
    calendars: Calendars
    now: Callable[[], datetime]


def dwell_routes(sources: DwellSources) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_dwell(http: HttpRequest) -> Response:
        """Show by state and region how many tickets are there and how many are red, and each red one."""
        scope = scope_of(http, await admit(http, Access.PEOPLE))
        tickets = await sources.read(scope.regions if scope else ())
        measured = dwells(tickets, sources.limits, sources.calendars, sources.now())
        return json_response({"places": heat_map(measured), "red": red_ones(measured)})

    return [reading("/v1/dwell", show_dwell, "Show how long tickets are in their state", DwellAnswer)]
