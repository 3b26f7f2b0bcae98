"""The route of fairness: who was given how many of the tickets that they could have taken (R5)."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.fairness import FITTING_MIN, PersonShare, fairness_since
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of
from bus.intake.command_bodies import read_time

_SINCE: Final = {
    "name": "since",
    "in": "query",
    "schema": {"type": "string", "format": "date-time"},
    "description": "at most 31 days ago; without it 30 days ago",
}
SharesOf = Callable[[datetime], Awaitable[Sequence[PersonShare]]]
"""Count shares since a time, one request after the other. Raises StoreUnavailable."""


class FairnessAnswer(TypedDict):
    """By person, the tickets that fitted them since a time, and their share; fewer than `fitting_min`: `too_few`."""

    since: datetime
    fitting_min: int
    people: list[PersonShare]


def fairness_routes(shares_of: SharesOf, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_fairness(http: HttpRequest) -> Response:
        """Show who was given how many of the tickets that they could have taken, in 30 days or since a time."""
        await admit(http, Access.INSIGHT)
        given = query_of(http).get("since")
        since = fairness_since(read_time(given, "since") if given else None, now(), "since")
        people = [*await shares_of(since)]
        return json_response(FairnessAnswer(since=since, fitting_min=FITTING_MIN, people=people))

    return [reading("/v1/fairness", show_fairness, "Show fairness", FairnessAnswer, parameters=[_SINCE])]
