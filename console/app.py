"""The console's ASGI app: its routes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console.gateway_api import ApiProblem, GatewayApi
from console.page import ROOT, Page
from console.session import Sessions
from console.sign_in import SignIn
from console.site import NotSignedIn, Site

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
    now: Callable[[], datetime],
    provider: Callable[[SignIn], OtherSignIn] | None = None,
) -> Starlette:
    """Make the app; it answers every path below /console. The first page is where one begins. Pure."""
    site = Site(api, sessions, pages, now)
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
    if provider:
        other = provider(sign_in)
        routes += [Route(f"{ROOT}/oidc", other.leave), Route(f"{ROOT}/oidc/back", other.come_back)]
    for page in pages:
        routes += [
            Route(f"{ROOT}{page.path}/{one.name}", partial(site.act, page, one), methods=["POST"])
            for one in page.actions
        ]
        routes.append(Route(ROOT + page.path, partial(site.show, page), methods=["GET"]))
    handlers: dict[Any, Any] = {
        NotSignedIn: site.to_sign_in,
        ApiProblem: site.problem,
        HTTPException: site.http_problem,
        Exception: site.failed,
    }
    return Starlette(routes=routes, exception_handlers=handlers)


class _Kept(StaticFiles):
    """Static files under addresses that hold their hash."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
