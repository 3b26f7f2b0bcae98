"""The CRM's own list of its tickets, page by page: a signed POST that reads, tried again when a page fails."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from adapters import webhook_signature as signature
from adapters.crm.listed_ticket import listed_ticket
from adapters.http_options import HttpOptions
from adapters.outbound_http import (
    DIRECT,
    Deadline,
    Egress,
    HttpResponse,
    HttpUrl,
    NoResponse,
    OutboundHttp,
    retry_after_s,
)
from bus.domain.errors import MalformedInput
from bus.domain.text import Text
from bus.intake.dispatch import utc_now
from bus.reconcile.source_list import ListedTicket, ListUnavailable
from bus.wire.json_body import read_object

PAGE_BYTES_MAX: Final = 8 * 1024 * 1024
PAGES_MAX: Final = 100_000
PAGE_S_MAX: Final = 30.0
ATTEMPTS: Final = 5  # of a page
PAUSE_S: Final = 0.5  # before the second attempt; about twice as long each time
WAIT_S_MAX: Final = 60.0  # that a CRM may ask for
_ROOT: Final = "$"


class CrmListOptions(HttpOptions):
    """Where a CRM gives its list: `url` takes a signed POST."""

    url: HttpUrl


class _PageFailed(Exception):
    """A page did not come; `again`: the same request may succeed later, not before `after_s`."""

    def __init__(self, text: Text, *, again: bool = True, after_s: float = 0.0) -> None:
        super().__init__(str(text))
        self.text, self.again, self.after_s = text, again, after_s


class CrmList:
    """Reads the list of one CRM. Each page is `{"tickets": […], "next": cursor}`; the last has no `next`."""

    def __init__(
        self,
        url: str,
        keys: Sequence[signature.Secret],
        *,
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
        pause_s: float = PAUSE_S,
    ) -> None:
        """Bind address and keys, all of which sign. Opens nothing."""
        self._url, self._keys, self._egress, self._now, self._pause_s = url, tuple(keys), egress, now, pause_s

    async def pages(self, since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        """Give all pages. Raises ListUnavailable."""
        http = OutboundHttp(
            headers={"accept": "application/json", "content-type": "application/json"},
            connections_max=1,
            answer_bytes_max=PAGE_BYTES_MAX,
            egress=self._egress,
        )
        asked: dict[str, Any] = {"since": since.isoformat(), "until": until.isoformat()}
        seen = set[str]()
        try:
            for page_number in range(1, PAGES_MAX + 1):
                page = await self._page(http, asked, page_number)
                yield _tickets(page, page_number)
                cursor = page.get("next")
                if cursor in (None, ""):
                    return
                if not isinstance(cursor, str) or cursor in seen:
                    raise _unreadable(page_number, "$.next", "须为未用过的游标文本", "must be a text not given before")
                seen.add(cursor)
                asked["cursor"] = cursor
        finally:
            await http.close()
        zh, en = f"清单超过 {PAGES_MAX:,} 页", f"the list has more than {PAGES_MAX:,} pages"
        raise ListUnavailable(Text(zh, en))

    async def _page(self, http: OutboundHttp, asked: Mapping[str, Any], page_number: int) -> dict[str, Any]:
        growing = wait_exponential_jitter(multiplier=self._pause_s, max=WAIT_S_MAX, jitter=self._pause_s)

        def wait_s(state: RetryCallState) -> float:
            failed = state.outcome.exception() if state.outcome else None
            return max(growing(state), failed.after_s if isinstance(failed, _PageFailed) else 0.0)

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, _PageFailed) and error.again),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_s,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    return await self._asked(http, orjson.dumps(asked))
        except _PageFailed as failed:
            zh, en = f"清单第 {page_number} 页没有取到", f"page {page_number} of the list did not come"
            raise ListUnavailable(Text(f"{zh}:{failed.text.zh}", f"{en}: {failed.text.en}")) from None
        raise AssertionError("an attempt answers or raises")

    async def _asked(self, http: OutboundHttp, body: bytes) -> dict[str, Any]:
        headers = signature.sign_by_all(self._keys, f"list_{uuid4().hex}", self._now(), body)
        try:
            answer = await http.post(self._url, body, headers, Deadline.after(PAGE_S_MAX))
        except NoResponse as failed:
            raise _PageFailed(Text(failed.detail, failed.detail)) from None
        return self._read(answer)

    def _read(self, answer: HttpResponse) -> dict[str, Any]:
        if answer.status != 200:
            again = answer.status in (408, 425, 429) or answer.status >= 500
            after_s = min(retry_after_s(answer.headers, self._now()) or 0.0, WAIT_S_MAX)
            status = f"HTTP {answer.status}"
            raise _PageFailed(Text(status, status), again=again, after_s=after_s)
        if answer.cut:
            raise _PageFailed(Text(answer.cut, answer.cut), again=not answer.longer)
        try:
            page = read_object(answer.body, _ROOT, foreign=True)
        except MalformedInput as refused:
            raise _PageFailed(refused.text) from None
        if not isinstance(page.get("tickets"), list):
            text = Text("应答中没有数组 $.tickets", "the answer has no array $.tickets")
            raise _PageFailed(text)
        return page


def _tickets(page: Mapping[str, Any], page_number: int) -> list[ListedTicket]:
    """Read the tickets of a page. Raises ListUnavailable: with a ticket that has no number nothing can be judged."""
    read = []
    for index, raw in enumerate(page["tickets"]):
        path = f"$.tickets[{index}]"
        if not isinstance(raw, dict):
            raise _unreadable(page_number, path, "须为 JSON 对象", "must be a JSON object")
        try:
            read.append(listed_ticket(raw, path))
        except MalformedInput as refused:
            raise _unreadable(page_number, refused.field, refused.zh, refused.en) from None
    return read


def _unreadable(page_number: int, field: str, zh: str, en: str) -> ListUnavailable:
    return ListUnavailable(
        Text(f"清单第 {page_number} 页 {field}:{zh}", f"page {page_number} of the list, {field}: {en}")
    )
