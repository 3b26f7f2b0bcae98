"""The console's ASGI app: its routes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from console.forms import go_to
from console.gateway_api import ApiProblem, GatewayApi
from console.live import LiveBlocks
from console.page import ROOT, Page, link
from console.render import Templates, static_path
from console.session import Sessions
from console.sign_in import SignIn
from console.site import NotSignedIn, Site

CONTRACT: Final = "/asyncapi"
_YEAR_S: Final = 31_536_000


class OtherSignIn(Protocol):
    """Signing in at a provider: leaving for it, and coming back."""

    async def leave(self, request: Request) -> Response:
        """Send the browser there."""

    async def come_back(self, request: Request) -> Response:
        """Begin the session of whom the provider names."""


def make_console(
    api: GatewayApi,
    sessions: Sessions,
    pages: Sequence[Page],
    *,
    now: Callable[[], datetime],
    stopping: asyncio.Event,
    ticket_types: Mapping[str, str] | None = None,
    provider: Callable[[SignIn], OtherSignIn] | None = None,
) -> Starlette:
    """Make the app; it answers every path below /console. Pure.

    Streams of news end once `stopping` is set. `ticket_types`: their names in Chinese; of others the code is shown.
    """
    site = Site(api, sessions, pages, now, blocks=LiveBlocks(stopping), templates=Templates(ticket_types))
    sign_in = SignIn(site, oidc=provider is not None)
    routes: list[Route | Mount] = [
        Route(ROOT, site.begin),
        Route(f"{ROOT}/", site.begin),
        Route(f"{ROOT}/sign-in", sign_in.show, methods=["GET"]),
        Route(f"{ROOT}/sign-in", sign_in.begin, methods=["POST"]),
        Route(f"{ROOT}/sign-out", sign_in.end, methods=["POST"]),
        Route(f"{ROOT}/language/{{language}}", sign_in.choose_language, methods=["POST"]),
        Route(f"{ROOT}/live", site.live),
        Mount(f"{ROOT}/static", _Kept(packages=[("console", "static")])),
    ]
    routes.append(Route(CONTRACT, _to_contract))
    if provider:
        other = provider(sign_in)
        routes += [Route(f"{ROOT}/oidc", other.leave), Route(f"{ROOT}/oidc/back", other.come_back)]
    for page in pages:
        routes += [
            Route(f"{ROOT}{page.path}/{one.name}", partial(site.act, page, one), methods=["POST"])
            for one in page.actions
        ]
        routes.append(Route(ROOT + page.path, partial(site.show, page), methods=["GET"]))
    # A browser that asks again for what a form was sent to, as by its address or a bookmark, is led to the form's page.
    routes += [
        Route(f"{ROOT}{page.path}/{one.name}", _to_page, methods=["GET"]) for page in pages for one in page.actions
    ]
    handlers: dict[Any, Any] = {
        NotSignedIn: site.to_sign_in,
        ApiProblem: site.problem,
        HTTPException: site.http_problem,
        Exception: site.failed,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


async def _to_page(request: Request) -> Response:
    """Lead from an action's address to the page that has its form."""
    return go_to(request.url.path.rpartition("/")[0])


async def _to_contract(request: Request) -> Response:
    """Lead from the short address of the contract of events to its page."""
    return RedirectResponse(link(CONTRACT, **request.query_params), 307)


class _Kept(StaticFiles):
    """Static files: kept for ever under the address that holds their hash, and under no other one."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        own = response.status_code == 200 and static_path(path).endswith(f"?{scope['query_string'].decode('latin-1')}")
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if own else "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
