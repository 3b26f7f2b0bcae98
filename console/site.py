"""What every page goes through: the session, the query or the action, the frame around it, and what goes wrong."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Match, Route

from bus.domain.text import Text
from console import security
from console.forms import back_to, fields_of, go_to
from console.gateway_api import ApiProblem, GatewayApi, refusal
from console.live import LiveBlocks, Watcher
from console.page import ROOT, Action, Asked, Download, Page, Read, link
from console.render import LANGUAGES, Templates
from console.session import Session, Sessions, nobody

LANGUAGE: Final = "ticketbus_language"
DONE: Final = "ticketbus_done"  # which action was done just now; shown once
SUBSCRIBER: Final = "subscriber"  # a system's role: it is shown the contract of events, and no more
_CONTRACT_ALONE: Final = Text("订阅者的令牌只能看事件契约", "a subscriber's token opens the contract of events alone")
_DONE_S: Final = 20
_HIDDEN: Final = frozenset({"csrf", "key", "token"})
log = structlog.get_logger()


class NotSignedIn(Exception):
    """The page needs a session; `why` is shown where one signs in."""

    def __init__(self, why: str = "") -> None:
        """Keep why: `expired`, or nothing."""
        super().__init__(why)
        self.why = why


class Site:
    """What the routes do."""

    def __init__(
        self,
        api: GatewayApi,
        sessions: Sessions,
        pages: Sequence[Page],
        now: Callable[[], datetime],
        *,
        blocks: LiveBlocks,
        templates: Templates,
    ) -> None:
        """Take what pages need."""
        self.api, self.sessions, self.pages, self.now = api, sessions, pages, now
        self.templates, self.blocks = templates, blocks
        self.done = {_named(page, action): action.done for page in pages for action in page.actions}
        # What a missing access leaves out of the menu, or is for programs, is no news on every page.
        self.unsaid = frozenset({"stream", *(page.needs for page in pages)})
        self.routes = [(page, Route(ROOT + page.path, self.begin)) for page in pages]

    async def begin(self, request: Request) -> Response:
        """Lead to where the client's role begins, else to the first page that it may see."""
        session = self.opened(request)
        menu = self._menu(session)
        first = next((one for one in menu if session.role in one.begins), menu[0] if menu else None)
        return go_to(link(first.path if first else "/sign-in"))

    async def show(self, page: Page, request: Request) -> Response:
        """Show a page."""
        session = self._visitor(request) if page.open else self.session(request)
        host = request.headers.get("host", "")
        asked = self._asked(session, request.path_params, request.query_params, host=host)
        context = await self._context(page, asked, request)
        response = self.html(request, page.template, context, session=session if session.id else None)
        response.delete_cookie(DONE, path=ROOT, samesite="strict", httponly=True)
        return response

    async def act(self, page: Page, action: Action, request: Request) -> Response:
        """Do what a form asks for, then lead to the page; refused, show the page with the reason and what was typed."""
        session = self.session(request)
        fields = await self.form(request, session)
        asked = self._asked(session, request.path_params, request.query_params, fields)
        try:
            outcome = await action.run(asked)
            if isinstance(outcome, Mapping):
                return await self._answered(page, asked, request, outcome)
            if isinstance(outcome, Download):
                headers = {**security.headers(""), "Content-Disposition": f'attachment; filename="{outcome.name}"'}
                return Response(outcome.content, headers=headers, media_type="application/json")
        except ApiProblem as problem:
            return await self._refused(page, asked, request, problem)
        response = go_to(outcome or _address(request))
        if action.done.en:
            response.set_cookie(
                DONE, _named(page, action), max_age=_DONE_S, path=ROOT, samesite="strict", httponly=True
            )
        return response

    async def _answered(self, page: Page, asked: Asked, request: Request, outcome: Mapping[str, Any]) -> Response:
        """Show the page with what an action gave, or with the `problem` that is in it."""
        context = {**await self._context(page, asked, request, outcome.get("problem")), **outcome}
        return self.html(request, page.template, context, session=asked.session)

    async def _refused(self, page: Page, asked: Asked, request: Request, problem: ApiProblem) -> Response:
        """Show the page with the problem and what was typed; where it cannot be read either, the problem with that."""
        try:
            if problem.status == 401:
                raise problem
            context = await self._context(page, asked, request, problem)
        except ApiProblem as worse:
            return self._problem(request, worse, typed=asked.fields)
        shown = {**context, "problem": problem}
        return self.html(request, page.template, shown, session=asked.session)

    async def live(self, request: Request) -> Response:
        """Send a page's live block whenever it has changed."""
        session = self.session(request)
        address = request.query_params.get("page", "")
        parts = urlsplit(back_to(address))
        for page, route in self.routes:
            match, found = route.matches({"type": "http", "method": "GET", "path": parts.path, "root_path": ""})
            if page.live and match is Match.FULL:
                break
        else:
            raise HTTPException(404)
        language, query = self._language(request), dict(parse_qsl(parts.query))

        async def render() -> str:
            asked = self._asked(session, found["path_params"], query)
            shown = await self._shown(page, asked, page.watch or page.read)
            context = {"session": session, "now": asked.now, **shown}
            return self.templates.block(page.template, "live", context, language)

        key, seen = (session.token, language, address), request.headers.get("last-event-id", "")
        watcher = Watcher(session.id, lambda: self.sessions.is_over(session, self.now()))
        stream = self.blocks.stream(key, render, seen, watcher, page.every_s)
        return StreamingResponse(
            stream, headers={**security.headers(""), "X-Accel-Buffering": "no"}, media_type="text/event-stream"
        )

    def session(self, request: Request) -> Session:
        """Give who is signed in and may see more than the open pages. Raises NotSignedIn, ApiProblem (403)."""
        session = self.opened(request)
        if session.role == SUBSCRIBER:
            raise refusal(403, "not_allowed", _CONTRACT_ALONE)
        return session

    def opened(self, request: Request) -> Session:
        """Give who is signed in. Raises NotSignedIn."""
        cookie = request.cookies.get(security.COOKIE)
        session = self.sessions.open(cookie, self.now()) if cookie else None
        if session is None:
            raise NotSignedIn("expired" if cookie else "")
        return session

    def _visitor(self, request: Request) -> Session:
        """Give who is signed in, or a session of nobody: without id and token."""
        try:
            return self.opened(request)
        except NotSignedIn:
            return nobody(self.now())

    async def to_sign_in(self, request: Request, error: Exception) -> Response:
        """Lead to where one signs in, and afterwards back."""
        assert isinstance(error, NotSignedIn)
        if request.url.path == f"{ROOT}/live":
            return Response(status_code=401)
        if request.method == "POST":
            text = Text("登录已过期:请重新登录后再提交", "the sign-in is over; sign in again, then send it anew")
            typed = await fields_of(request)
            return self._problem(request, refusal(401, "not_signed_in", text), typed=typed)
        if not error.why and request.headers.get("sec-fetch-site") == "cross-site":
            # On its way from another site's page a browser sends no Strict cookie: the page goes on by itself.
            return self.html(request, "go_on.html", {"to": _address(request)})
        back = _address(request) if request.url.path.rstrip("/") != ROOT else ""
        return go_to(link("/sign-in", why=error.why, back=back))

    async def problem(self, request: Request, error: Exception) -> Response:
        """Show what the gateway refused."""
        assert isinstance(error, ApiProblem)
        if error.status == 401:
            response = await self.to_sign_in(request, NotSignedIn("expired"))
            response.delete_cookie(security.COOKIE, path=ROOT, httponly=True, samesite="strict")
            return response
        return self._problem(request, error)

    async def http_problem(self, request: Request, error: Exception) -> Response:
        """Show that there is no such page, or that a form may not be sent."""
        assert isinstance(error, HTTPException)
        text = _TEXTS.get(error.status_code, Text("请求有误", "the request is wrong"))
        return self._problem(request, refusal(error.status_code, "", text))

    async def failed(self, request: Request, error: Exception) -> Response:
        """Show an error of ours; the log has it."""
        log.error("a page of the console failed", exc_info=error)
        text = Text("页面出错,请告知运维", "an error of ours; tell the operators")
        return self._problem(request, refusal(500, "internal", text))

    def _problem(self, request: Request, problem: ApiProblem, *, typed: Sequence[tuple[str, str]] = ()) -> Response:
        try:
            session: Session | None = self.opened(request)
        except NotSignedIn:
            session = None
        kept = [(name, value) for name, value in typed if value and name not in _HIDDEN]
        context = {"problem": problem, "typed": kept}
        return self.html(request, "problem.html", context, session=session)

    def _asked(
        self,
        session: Session,
        path: Mapping[str, Any],
        query: Mapping[str, str],
        fields: Sequence[tuple[str, str]] = (),
        host: str = "",
    ) -> Asked:
        return Asked(
            api=self.api, session=session, now=self.now(), path=path, query=dict(query), fields=fields, host=host
        )

    async def _context(
        self, page: Page, asked: Asked, request: Request, problem: ApiProblem | None = None
    ) -> dict[str, Any]:
        # Once it was refused, what is typed next is another request; while nothing is known, it may be the same again.
        key = "" if problem and problem.is_final else asked.form.get("key")
        done = self.done.get(request.cookies.get(DONE, "")) if request.method == "GET" else None
        live = link("/live", page=_address(request)) if page.live else ""
        typed = {"form": asked.form, "key": key or str(uuid4())}
        return {**typed, "done": done, "live": live, **await self._shown(page, asked, page.read)}

    @staticmethod
    async def _shown(page: Page, asked: Asked, read: Read) -> dict[str, Any]:
        """Give what a page's blocks are rendered with, the first time and live."""
        return {"page": page, "may": asked.may, **await read(asked)}

    def _menu(self, session: Session) -> list[Page]:
        allowed = frozenset((*session.accesses, *session.commands, ""))
        alone = session.role == SUBSCRIBER
        return [one for one in self.pages if one.menu and one.needs in allowed and (one.open or not alone)]

    async def form(self, request: Request, session: Session) -> Sequence[tuple[str, str]]:
        """Read a form that comes from a page of this session. Raises HTTPException (403)."""
        fields = await fields_of(request)
        if security.from_elsewhere(request) or not session.has_csrf(dict(fields).get("csrf", "")):
            raise HTTPException(403)
        return fields

    def html(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any],
        *,
        session: Session | None = None,
    ) -> Response:
        """Render a template in the frame that all pages have, with the menu of who is signed in.

        The status is that of the context's `problem`, else 200.
        """
        nonce, problem = security.new_nonce(), context.get("problem")
        frame = {
            "session": session,
            "now": self.now(),
            "menu": self._menu(session) if session else (),
            "lacks": [one for one in session.lacks if one["access"] not in self.unsaid] if session else (),
            "at": _address(request) if session else "",
            "page": None,
            "problem": None,
            "done": None,
            "live": "",
            "nonce": nonce,
        }
        html = self.templates.page(template, {**frame, **context}, self._language(request))
        return HTMLResponse(html, problem.status if problem else 200, headers=dict(security.headers(nonce)))

    @staticmethod
    def _language(request: Request) -> str:
        given = request.cookies.get(LANGUAGE, "")
        return given if given in LANGUAGES else LANGUAGES[0]


def _named(page: Page, action: Action) -> str:
    """Tell an action from those of other pages that have its name. Pure."""
    return f"{page.path}/{action.name}"


def _address(request: Request) -> str:
    """Give the address of the page, with its query; of what a form was sent to, the page that has the form. Pure."""
    path, query = request.url.path, request.url.query
    return path.rpartition("/")[0] if request.method == "POST" else path + (f"?{query}" if query else "")


_TEXTS: Final = {
    403: Text("此表单不是从本页面发出的,请重新打开页面", "this form does not come from a page of yours; open it anew"),
    404: Text("没有这个页面", "there is no such page"),
    405: Text("方法不允许", "method not allowed"),
    413: Text("表单过大", "the form is too large"),
}
