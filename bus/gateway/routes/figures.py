"""The route of figures: what the bus did lately, without Prometheus."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.deps import deps_of
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of
from bus.gateway.read.figures import HOURS_MAX, DayFigures

_HOURS: Final = {
    "name": "hours",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": HOURS_MAX, "default": 24},
}


FiguresOf = Callable[[datetime, int], Awaitable[DayFigures]]
"""Count the hours before a moment. Raises StoreUnavailable."""


class FiguresAnswer(TypedDict):
    """Moments ten minutes apart, the last step not over yet, and of each series a count at each of them.

    `commands` taken, `deliveries` settled, `letters` that died, `refused` inputs (each once, when it last came:
    a repeat moves it to its own step).
    """

    times: list[datetime]
    series: dict[str, list[int]]


def figure_routes(figures: FiguresOf) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def list_figures(http: HttpRequest) -> Response:
        """Count in steps of ten minutes, from the bus's own tables."""
        await admit(http, Access.ALERTS)
        given = query_of(http).get("hours", "24")
        hours = int(given) if given.isdecimal() and len(given) <= 3 else 0
        if not 1 <= hours <= HOURS_MAX:
            text = Text(f"hours 为 1 至 {HOURS_MAX}", f"hours is 1 to {HOURS_MAX}")
            raise HttpProblem(400, "out_of_range", "hours", text)
        found = await figures(deps_of(http).now(), hours)
        return json_response(FiguresAnswer(times=[*found.times], series=found.series))

    return [reading("/v1/figures", list_figures, "Count what the bus did lately", FiguresAnswer, parameters=[_HOURS])]
