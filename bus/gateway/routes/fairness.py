"""The route of fairness: who was given how many of the tickets that they could have taken (R5)."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.events import Recorded
from bus.domain.fairness import FITTING_MIN, WINDOW, PersonShare, shares
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of
from bus.intake.command_bodies import read_time

_SINCE: Final = {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}}
RoutingEventsOf = Callable[[datetime], Awaitable[Sequence[Recorded]]]
"""Read the events of routing and assignment since a time. Raises StoreUnavailable."""


class FairnessAnswer(TypedDict):
    """By person, the tickets that fitted them since a time, and their share; fewer than `fitting_min`: `too_few`."""

    since: datetime
    fitting_min: int
    people: list[PersonShare]


def fairness_routes(events_of: RoutingEventsOf, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_fairness(http: HttpRequest) -> Response:
        """Show who was given how many of the tickets that they could have taken, in 30 days or since a time."""
        await admit(http, Access.PEOPLE)
        given = query_of(http, ("since",)).get("since")
        since = read_time(given, "since") if given else now() - WINDOW
        people = [*shares(await events_of(since))]
        return json_response(FairnessAnswer(since=since, fitting_min=FITTING_MIN, people=people))

    return [reading("/v1/fairness", show_fairness, "Show fairness", FairnessAnswer, parameters=[_SINCE])]
