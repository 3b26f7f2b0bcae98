"""Reads an HTTP list of a source page by page, within a budget of calls."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import httpx2

from adapters.adapter import EnvironmentSecrets
from adapters.expressions import Expression
from adapters.mapped.translate import read_any
from adapters.mapped.transports import AskedList, ListLogin, NextPage, SinceParameter
from adapters.oauth import OAuth, OAuthTokens
from adapters.outbound_http import DIRECT, Deadline, Egress, HttpResponse, NoResponse, OutboundHttp, retry_after_s
from bus.delivery.target import DeliveryFailed
from bus.domain.errors import MalformedInput, Transient
from bus.intake.dispatch import utc_now

PAGE_BYTES_MAX: Final = 8 * 1024 * 1024
PAGES_MAX: Final = 1_000
PAGE_S_MAX: Final = 30.0
WAIT_S_MAX: Final = 600.0  # that a list may ask for


class ListAway(Transient):
    """A list did not come; it is asked for again, not before `after_s`."""

    def __init__(self, text: str, after_s: float = 0.0) -> None:
        super().__init__(text)
        self.after_s = after_s


class ListReader:
    """One source's list. `documents`: where they are in a page; None: the page is a list of them."""

    def __init__(
        self, asked: AskedList, documents: Expression | None, secrets: EnvironmentSecrets, egress: Egress = DIRECT
    ) -> None:
        """Read the login's secret. Opens nothing: each exchange has its own connection. Raises ConfigFileInvalid."""
        self._asked, self._documents = asked, documents
        login = asked.login
        shown = _login(login, secrets) if isinstance(login, ListLogin) else {}
        self._http = OutboundHttp(
            headers={"accept": "application/json", **shown},
            connections_max=1,
            answer_bytes_max=PAGE_BYTES_MAX,
            public_only=not asked.private_addresses,
            egress=egress,
        )
        self._tokens = OAuthTokens(login, secrets, self._http, utc_now) if isinstance(login, OAuth) else None

    async def pages(
        self, times: Mapping[str, datetime], *, attempts: int = 1, pause_s: float = 0.0
    ) -> AsyncGenerator[Sequence[Any], None]:
        """Give the documents of each page. Raises ListAway.

        `times`: what the texts of `since` stand for, as `{since}`. A page that fails is asked for `attempts` times,
        with pauses that begin with `pause_s` and double.
        """
        asked = self._asked
        text = asked.since.text
        for name, at in times.items():
            text = text.replace(name, _spelled(at, asked.since))
        following = _Following(asked.next, asked.url, {**asked.query, asked.since.query: text})
        seen = set[str]()
        for _ in range(PAGES_MAX):
            if following.url in seen:
                raise ListAway("清单的下一页指回已读的页 / the next page is one that was read before")
            seen.add(following.url)
            answer, page, documents = await self._patiently(following.url, attempts, pause_s)
            yield documents
            if not following.go_on(answer, page, documents):
                return
            await asyncio.sleep(60.0 / asked.calls_per_minute)
        raise ListAway(f"清单超过 {PAGES_MAX} 页 / the list has more than {PAGES_MAX} pages")

    async def _patiently(self, url: str, attempts: int, pause_s: float) -> tuple[HttpResponse, Any, Sequence[Any]]:
        for attempt in range(attempts):
            try:
                answer = await self._page(url)
                page = _parsed(answer)
                return answer, page, self._of(page)
            except ListAway as away:
                if attempt == attempts - 1:
                    raise
                await asyncio.sleep(max(pause_s * 2**attempt, away.after_s))
        raise AssertionError("a page comes, or is away")

    async def _page(self, url: str) -> HttpResponse:
        deadline = Deadline.after(PAGE_S_MAX)
        try:
            if self._tokens is None:
                answer = await self._http.get(url, {}, deadline)
            else:
                answer = await self._with_token(self._tokens, url, deadline)
        except NoResponse as failed:
            raise ListAway(failed.detail) from None
        except DeliveryFailed as failed:  # of the token: its words may repeat a secret, and are nobody's
            raise ListAway(failed.detail, failed.retry_after_s or 0.0) from None
        if answer.status != 200 or answer.cut:
            wait_s = min(retry_after_s(answer.headers, datetime.now(UTC)) or 0.0, WAIT_S_MAX)
            raise ListAway(f"HTTP {answer.status} {answer.cut}".strip(), wait_s)
        return answer

    async def _with_token(self, tokens: OAuthTokens, url: str, deadline: Deadline) -> HttpResponse:
        """Ask with a token; with one that was refused once more with a new one. Raises NoResponse, DeliveryFailed."""
        token = await tokens.get(deadline)
        answer = await self._http.get(url, {"authorization": f"Bearer {token}"}, deadline)
        if answer.status != 401:
            return answer
        renewed = await tokens.get(deadline, lost=token)
        return await self._http.get(url, {"authorization": f"Bearer {renewed}"}, deadline)

    def _of(self, page: Any) -> Sequence[Any]:
        try:
            found = page if self._documents is None else self._documents.read(page)
        except MalformedInput as refused:
            raise ListAway(str(refused.text)) from None
        if not isinstance(found, list):
            where = self._documents.path if self._documents else "$"
            raise ListAway(f"应答中 {where} 不是数组 / {where} of the answer is no array")
        return found


class _Following:
    """The address of the page that is next."""

    def __init__(self, how: NextPage | None, url: str, query: dict[str, str]) -> None:
        self._how, self._base, self._query = how, url, query
        self._number = how.first if how else 0
        more = {how.query: str(how.first)} if how and how.kind == "page" and how.query else {}
        self.url = with_query(url, {**query, **more})

    def go_on(self, answer: HttpResponse, page: Any, documents: Sequence[Any]) -> bool:
        """Move to the next page; False where there is none. Raises ListAway."""
        how = self._how
        if how is None:
            return False
        if how.kind == "page":
            self._number += 1
            self.url = with_query(self._base, {**self._query, how.query or "": str(self._number)})
            return bool(documents)
        found = _link(answer, self.url) if how.kind == "link" else _text(how, page)
        if not found:
            return False
        if how.kind == "token":
            self.url = with_query(self._base, {**self._query, how.query or "": found})
            return True
        self.url = urljoin(self.url, found)
        if urlsplit(self.url)[:2] != urlsplit(self._base)[:2]:
            raise ListAway("下一页在另一台主机上 / the next page is on another host")
        return True


def _text(how: NextPage, page: Any) -> str:
    try:
        found = how.from_.read(page) if how.from_ else None
    except MalformedInput as refused:
        raise ListAway(str(refused.text)) from None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _link(answer: HttpResponse, url: str) -> str:
    response = httpx2.Response(
        200, headers={"link": answer.headers.get("link", "")}, request=httpx2.Request("GET", url)
    )
    return response.links.get("next", {}).get("url", "")


def with_query(url: str, more: dict[str, str]) -> str:
    """Give an address with parameters added, or replaced."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **more}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _spelled(at: datetime, since: SinceParameter) -> str:
    at = at.astimezone(since.zone or UTC)
    match since.format:
        case "iso8601":
            return at.isoformat(timespec="seconds") if since.zone else at.strftime("%Y-%m-%dT%H:%M:%SZ")
        case "epoch_s":
            return str(int(at.timestamp()))
        case "epoch_ms":
            return str(int(at.timestamp() * 1000))
        case _:
            return at.strftime(since.format)


def _login(login: ListLogin, secrets: EnvironmentSecrets) -> dict[str, str]:
    secret = secrets.read(login.secret).get_secret_value()
    match login.kind:
        case "bearer":
            return {"authorization": f"Bearer {secret}"}
        case "basic":
            return {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
        case _:
            return {login.header: f"{login.prefix}{secret}"}


def _parsed(answer: HttpResponse) -> Any:
    try:
        return read_any(answer.body)
    except MalformedInput as refused:
        raise ListAway(str(refused.text)) from None
