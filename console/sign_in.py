"""Signing in with a token, signing out, and the language."""

import re
from collections.abc import Mapping
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bus.domain.wrong_tries import WrongTries
from console import security
from console.forms import back_to, fields_of, go_to
from console.gateway_api import ApiProblem
from console.page import ROOT, link
from console.render import LANGUAGES
from console.session import LASTS
from console.site import LANGUAGE, Site

MACHINES: Final = frozenset({"source", "host"})
"""Roles of machines; no person signs in with their tokens. A subscriber's opens the contract of events alone."""
_TOKEN: Final = re.compile(r"[!-~]{1,512}")
_YEAR_S: Final = 31_536_000
log = structlog.get_logger()


class SignIn:
    """What the routes do."""

    def __init__(self, site: Site, *, oidc: bool = False) -> None:
        """Take the sessions and templates of a site. `oidc`: there is another way to sign in."""
        self.site, self.oidc, self.wrong = site, oidc, WrongTries()

    async def show(self, request: Request) -> Response:
        """Show the form for a token."""
        why, back = request.query_params.get("why", ""), back_to(request.query_params.get("back", ""))
        return self.form(request, why, back)

    async def begin(self, request: Request) -> Response:
        """Take a token, once: the gateway says whose it is."""
        if security.from_elsewhere(request):
            raise HTTPException(403)
        form = dict(await fields_of(request))
        token, back = form.get("token", "").strip(), back_to(form.get("back", ""))
        address = request.client.host if request.client else ""
        if wait_s := self.wrong.take(address, self.site.now()):
            return self.form(request, "often", back, status=429, wait_s=wait_s)
        try:
            if not _TOKEN.fullmatch(token):
                raise ApiProblem(401, {})
            identity = await self.site.api.call(token, "GET", "/v1/client")
        except ApiProblem as problem:
            if problem.status == 401:
                return self.form(request, "token", back, status=401)
            self.wrong.give_back(address)
            return self.form(request, "away", back, status=problem.status)
        self.wrong.give_back(address)
        if identity["role"] in MACHINES:
            return self.form(request, "machine", back, status=403)
        return self.begin_with(request, go_to(back or ROOT), identity, token)

    def begin_with(self, request: Request, response: Response, identity: Mapping[str, Any], token: str) -> Response:
        """Begin the session of whom the gateway says the token is; the response brings its cookie."""
        session = self.site.sessions.begin(token, identity, self.site.now())
        log.info("signed in to the console", client=session.client, role=session.role)
        response.set_cookie(
            security.COOKIE,
            self.site.sessions.seal(session),
            max_age=int(LASTS.total_seconds()),
            path=ROOT,
            secure=security.is_https(request),
            httponly=True,
            samesite="strict",
        )
        return response

    async def end(self, request: Request) -> Response:
        """End the session."""
        session = self.site.opened(request)
        await self.site.form(request, session)
        self.site.sessions.end(session, self.site.now())
        response = go_to(link("/sign-in", why="out"))
        response.delete_cookie(security.COOKIE, path=ROOT, httponly=True, samesite="strict")
        return response

    async def choose_language(self, request: Request) -> Response:
        """Remember the language, and go back to the page."""
        language = request.path_params["language"]
        if language not in LANGUAGES or security.from_elsewhere(request):
            raise HTTPException(404)
        response = go_to(back_to(dict(await fields_of(request)).get("back", "")) or ROOT)
        response.set_cookie(LANGUAGE, language, max_age=_YEAR_S, path=ROOT, samesite="strict", httponly=True)
        return response

    def form(self, request: Request, why: str, back: str, *, status: int = 200, wait_s: int = 0) -> Response:
        """Show the form, with why nobody is signed in, and in how many seconds one may try again."""
        context = {"why": why, "back": back, "oidc": self.oidc, "wait_s": wait_s}
        response = self.site.html(request, "sign_in.html", context)
        response.status_code = status
        if wait_s:
            response.headers["Retry-After"] = str(wait_s)
        return response
