"""Reads an HTTP list page by page, from where it ended, within a budget of calls."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import httpx2

from adapters.adapter import EnvironmentSecrets
from adapters.expressions import Expression
from adapters.mapped.translate import read_any
from adapters.mapped.transports import ListLogin, NextPage, PolledList
from adapters.outbound_http import DIRECT, Deadline, Egress, HttpResponse, NoResponse, OutboundHttp, retry_after_s
from adapters.time_form import TimeForm
from bus.domain.errors import MalformedInput, Transient

PAGE_BYTES_MAX: Final = 8 * 1024 * 1024
PAGES_MAX: Final = 1_000
PAGE_S_MAX: Final = 30.0
WAIT_S_MAX: Final = 600.0  # that a list may ask for


class ListAway(Transient):
    """A list did not come; it is asked for again, not before `after_s`."""

    def __init__(self, text: str, after_s: float = 0.0) -> None:
        super().__init__(text)
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """Documents of a page, and up to when they changed: the latest time seen, aware, UTC."""

    documents: Sequence[Any]
    changed_until: datetime | None


class ListPoller:
    """One source's list. `documents`: where they are in a page; None: the page is a list of them."""

    def __init__(
        self,
        asked: PolledList,
        documents: Expression | None,
        time: TimeForm,
        secrets: EnvironmentSecrets,
        egress: Egress = DIRECT,
    ) -> None:
        """Read the login's secret. Opens nothing. Raises ConfigFileInvalid."""
        self._asked, self._documents, self._time = asked, documents, time
        self._headers = {"accept": "application/json", **_login(asked.login, secrets)}
        self._egress = egress

    async def pages(self, since: datetime) -> AsyncGenerator[ListPage, None]:
        """Give what changed since then, the overlap included. Raises ListAway."""
        asked = self._asked
        http = OutboundHttp(
            headers=self._headers, connections_max=1, answer_bytes_max=PAGE_BYTES_MAX, egress=self._egress
        )
        begin = since - timedelta(seconds=asked.overlap_s)
        query = {**asked.query, asked.since.query: _spelled(begin, asked.since.format)}
        following = _Following(asked.next, asked.url, query)
        seen = set[str]()
        try:
            for _ in range(PAGES_MAX):
                if following.url in seen:
                    raise ListAway("清单的下一页指回已读的页 / the next page is one that was read before")
                seen.add(following.url)
                answer = await self._page(http, following.url)
                page = _parsed(answer)
                documents = self._of(page)
                yield ListPage(documents=documents, changed_until=self._until(documents))
                if not following.go_on(answer, page, documents):
                    return
                await asyncio.sleep(60.0 / asked.calls_per_minute)
        finally:
            await http.close()
        raise ListAway(f"清单超过 {PAGES_MAX} 页 / the list has more than {PAGES_MAX} pages")

    async def _page(self, http: OutboundHttp, url: str) -> HttpResponse:
        try:
            answer = await http.exchange("GET", url, b"", {}, Deadline.after(PAGE_S_MAX))
        except NoResponse as failed:
            raise ListAway(failed.detail) from None
        if answer.status != 200 or answer.cut:
            wait_s = min(retry_after_s(answer.headers, datetime.now(UTC)) or 0.0, WAIT_S_MAX)
            raise ListAway(f"HTTP {answer.status} {answer.cut}".strip(), wait_s)
        return answer

    def _of(self, page: Any) -> Sequence[Any]:
        try:
            found = page if self._documents is None else self._documents.read(page)
        except MalformedInput as refused:
            raise ListAway(str(refused.text)) from None
        if not isinstance(found, list):
            where = self._documents.path if self._documents else "$"
            raise ListAway(f"应答中 {where} 不是数组 / {where} of the answer is no array")
        return found

    def _until(self, documents: Sequence[Any]) -> datetime | None:
        """Give the latest change; a document whose time cannot be read moves nothing on."""
        times = list[datetime]()
        for one in documents:
            try:
                times.append(self._time.read(str(self._asked.changed_at.read(one))))
            except (MalformedInput, ValueError, OverflowError):
                continue
        return max(times, default=None)


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


def _spelled(at: datetime, form: str) -> str:
    at = at.astimezone(UTC)
    match form:
        case "iso8601":
            return at.strftime("%Y-%m-%dT%H:%M:%SZ")
        case "epoch_s":
            return str(int(at.timestamp()))
        case "epoch_ms":
            return str(int(at.timestamp() * 1000))
        case _:
            return at.strftime(form)


def _login(login: ListLogin | None, secrets: EnvironmentSecrets) -> dict[str, str]:
    if login is None:
        return {}
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
