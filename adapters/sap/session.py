"""Who we are to SAP: a user or a token of OAuth, and for what changes something a CSRF token with its cookies.

Both are fetched by one call at a time and shared by all. SAP refuses a token that it does not know, or that comes
without the cookies which it was given with, before it does anything: a request that was refused so may go again.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import orjson

from adapters.exchange import any_answer, unbelieved
from adapters.outbound_http import Deadline, HttpResponse, OutboundHttp
from adapters.sap import wire
from adapters.sap.judge import CSRF_HEADER, csrf_refused, failure_of
from adapters.sap.wire import BasicLogin, OAuthLogin, SapSettings
from adapters.shared_login import SharedLogin
from adapters.shared_token import SharedToken, Token, lifetime_s
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

_NO_TOKEN: Final = Text("应答中没有 CSRF 令牌", "the answer holds no CSRF token")
_NO_ACCESS: Final = Text("没有得到访问令牌", "no access token was given")
_NOT_LET_IN: Final = Text("登录被拒绝", "the login is refused")
_CSRF_AT: Final = "CSRF token"
_ACCESS_AT: Final = "OAuth token"


@dataclass(slots=True, kw_only=True)
class SapTalk:
    """One call's talk with SAP: when it ends, and which of its credentials it has fetched anew."""

    trace_headers: dict[str, str]
    deadline: Deadline
    access_renewed: bool = False
    csrf_renewed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfToken:
    """A token and the cookies of the session that it is for; neither is anything without the other."""

    token: str = field(repr=False)
    cookies: str = field(repr=False)


class SapSession:
    """Exchanges requests with SAP as whoever we are there. Calls may run at the same time."""

    def __init__(self, settings: SapSettings, http: OutboundHttp, now: Callable[[], datetime]) -> None:
        """Send nothing yet."""
        self._settings, self._http, self._now = settings, http, now
        self._access, self._csrf = SharedToken(self._fetch_access), SharedLogin[CsrfToken]()

    async def get(self, url: str, talk: SapTalk, more: Mapping[str, str] | None = None) -> HttpResponse:
        """Ask. Raises NoResponse; DeliveryFailed where no credentials are to be had."""
        token, headers = await self._headers(talk)
        answer = await self._http.get(url, {**headers, **(more or {})}, talk.deadline)
        if not await self._access_refused(answer, token, talk):
            return answer
        _, headers = await self._headers(talk)
        return await self._http.get(url, {**headers, **(more or {})}, talk.deadline)

    async def post(self, url: str, body: bytes, more: Mapping[str, str], talk: SapTalk) -> HttpResponse:
        """Change something; again where credentials were refused, once each. Raises NoResponse, DeliveryFailed."""
        while True:
            csrf = await self._csrf.session(lambda: self._fetch_csrf(talk), talk.deadline)
            token, headers = await self._headers(talk)
            own = {CSRF_HEADER: csrf.session.token, "content-type": "application/json"}
            cookies = {"cookie": csrf.session.cookies} if csrf.session.cookies else {}
            answer = await self._http.post(url, body, {**headers, **own, **cookies, **more}, talk.deadline)
            if csrf_refused(answer) and not talk.csrf_renewed:
                talk.csrf_renewed = True
                await self._csrf.session(lambda: self._fetch_csrf(talk), talk.deadline, lost=csrf.number)
            elif not await self._access_refused(answer, token, talk):
                return answer

    async def _headers(self, talk: SapTalk) -> tuple[str, dict[str, str]]:
        """Say who we are: by a user and password, or by a token, a new one where the last one is over."""
        match self._settings.login:
            case BasicLogin(user=user, password=password):
                return "", {**talk.trace_headers, "authorization": _basic(user, password)}
            case OAuthLogin():
                token = await self._access.get(talk.deadline)
                return token, {**talk.trace_headers, "authorization": f"Bearer {token}"}

    async def _access_refused(self, answer: HttpResponse, token: str, talk: SapTalk) -> bool:
        """Fetch a new token where this one was refused, once in a call; say whether there is one to try."""
        if answer.status != 401 or not token or talk.access_renewed:
            return False
        talk.access_renewed = True
        await self._access.get(talk.deadline, lost=token)
        return True

    async def _fetch_csrf(self, talk: SapTalk) -> CsrfToken:
        asked = self.get(wire.root_url(self._settings), talk, {CSRF_HEADER: "Fetch"})
        answer = await any_answer(asked, _CSRF_AT, changes=False)
        token = answer.headers.get(CSRF_HEADER, "")
        if not 200 <= answer.status < 300:
            raise failure_of(answer, _CSRF_AT, self._now(), changes=False)
        if answer.cut or token.casefold() in ("", "fetch", "required"):
            raise unbelieved(answer, _CSRF_AT, answer.cut or _NO_TOKEN, changes=False)
        return CsrfToken(token=token, cookies=cookie_header(answer.set_cookies))

    async def _fetch_access(self, deadline: Deadline) -> Token:
        login = self._settings.login
        assert isinstance(login, OAuthLogin), "a user has no token"
        form = {"grant_type": "client_credentials"} | ({"scope": login.scope} if login.scope else {})
        headers = {
            "authorization": _basic(login.client_id, login.client_secret),
            "content-type": "application/x-www-form-urlencoded",
        }
        asked = self._http.post(login.token_url, urlencode(form).encode(), headers, deadline)
        return read_access(await any_answer(asked, _ACCESS_AT, changes=False), self._now())


def cookie_header(set_cookies: Sequence[str]) -> str:
    """Write the cookies that an answer sets as the header of the next request; what it deletes is left out."""
    held = dict[str, str]()
    for one in set_cookies:
        pair, *attributes = one.split(";")
        name, equals, value = pair.strip().partition("=")
        over = any(each.strip().casefold().replace(" ", "") == "max-age=0" for each in attributes)
        if name and equals and value and not over:
            held[name] = value
        else:
            held.pop(name, None)
    return "; ".join(f"{name}={value}" for name, value in held.items())


def read_access(answer: HttpResponse, now: datetime) -> Token:
    """Read the answer of an OAuth server. Raises DeliveryFailed.

    A client that is refused is refused for every event.
    """
    try:
        content = None if answer.cut else orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        content = None
    match content:
        case {"access_token": str(token), **rest} if (
            answer.status == 200 and token and token.isascii() and token.isprintable()
        ):
            return Token(text=token, valid_s=lifetime_s(rest.get("expires_in")))
        case {"error": str(code), **rest} if answer.status in (400, 401, 403):
            words = str(rest.get("error_description") or code)
            raise DeliveryFailed(
                FailureKind.UNAUTHORIZED,
                f"{_NOT_LET_IN} at {_ACCESS_AT}",
                status=answer.status,
                code=code,
                message=words,
            )
        case _ if answer.status == 200:
            raise unbelieved(answer, _ACCESS_AT, answer.cut or _NO_ACCESS, changes=False)
        case _:
            raise failure_of(answer, _ACCESS_AT, now, changes=False)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
