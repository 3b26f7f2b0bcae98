"""The route of probes: whether the way through the bus, and to each target that can be asked, is open."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.journey.probes import Probe, wrong_with

ProbesOf = Callable[[], Awaitable[Sequence[Probe]]]


class ProbeAnswer(TypedDict):
    """The last probe of a route: of the bus's own way, which is named by no target, or of a target.

    `wrong`, `wrong_en`: null while it is home, or on its way in time. `waits_at`: where it is, or why it failed.
    """

    target: str | None
    ticket_id: str | None
    sent_at: datetime
    home_at: datetime | None
    waits_at: str
    wrong: str | None
    wrong_en: str | None


class ProbeList(TypedDict):
    """The probes, the bus's own first; none: nobody probes."""

    probes: list[ProbeAnswer]


def probe_routes(probes: ProbesOf, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def list_probes(http: HttpRequest) -> Response:
        """List them as workers noted them last."""
        await admit(http, Access.ALERTS)
        return json_response({"probes": [_answer(one, now()) for one in await probes()]})

    return [reading("/v1/probes", list_probes, "List the probes, and whether each is home", ProbeList)]


def _answer(one: Probe, now: datetime) -> ProbeAnswer:
    wrong = wrong_with(one, now)
    return ProbeAnswer(
        target=one.route or None,
        ticket_id=one.ticket_id or None,
        sent_at=one.sent_at,
        home_at=one.home_at,
        waits_at=one.waits_at,
        wrong=wrong.zh if wrong else None,
        wrong_en=wrong.en if wrong else None,
    )
