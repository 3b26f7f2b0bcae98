"""The console's ASGI app: its routes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console.gateway_api import ApiProblem, GatewayApi
from console.page import ROOT, Page
from console.session import Sessions
from console.sign_in import SignIn
from console.site import NotSignedIn, Site

_YEAR_S: Final = 31_536_000


def make_console(api: GatewayApi, sessions: Sessions, pages: Sequence[Page], now: Callable[[], datetime]) -> Starlette:
    """Make the app; it answers every path below /console. The first page is where one begins. Pure."""
    site = Site(api, sessions, pages, now)
    sign_in = SignIn(site)
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
