"""A CRM's own list of its tickets, as it gives it page by page: a signed POST, with the bad habits of such lists."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import orjson

from adapters import webhook_signature as signature
from adapters.simulators.oldest import drop_oldest
from bus.domain.errors import MalformedInput

LIST_PATH: Final = "/tickets/list"
PAGE: Final = 50
OVERLAP: Final = 2  # tickets of a page that stand on the next one, too
AHEAD: Final = timedelta(minutes=7)


class ListFault(StrEnum):
    """A bad habit of the list."""

    LIST_PAGE_FAILS = "500 for a page of the list"
    LIST_OVERLAPS = "a page of the list begins with the last tickets of the page before"
    LIST_CLOCK_AHEAD = "times in the list are 7 minutes ahead of those in webhooks"
    LIST_FORGETS = "the list leaves its oldest ticket out"


class TicketList:
    """The tickets that a CRM has; asked for those opened `since` and before `until`, it gives pages with a cursor."""

    def __init__(
        self,
        *secrets: str,
        page: int = PAGE,
        most: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Accept what any of `secrets` signed; keep the `most` newest tickets, or all."""
        self._keys = tuple(signature.secret(each, where="the list's secret") for each in secrets)
        self._page, self._most, self._now = page, most, now
        self._faults: dict[ListFault, int | None] = {}
        self.tickets: dict[str, Mapping[str, Any]] = {}
        self.pages_asked = 0

    def keep(self, data: Mapping[Any, Any], at: str) -> None:
        """Keep a ticket, by its number, as its webhook `ticket.created` has it."""
        opened_at = _time(data.get("opened_at")) or _time(at) or self._now()
        self.tickets[str(data.get("source_no"))] = {**data, "opened_at": opened_at.isoformat()}
        drop_oldest(self._most, self.tickets)

    def misbehave(self, fault: ListFault, calls: int | None = None) -> None:
        """Show a bad habit at the next so many pages, or until `behave`."""
        self._faults[fault] = calls

    def behave(self) -> None:
        """Be as one should."""
        self._faults.clear()

    @property
    def faults(self) -> Sequence[ListFault]:
        """List the faults that are on."""
        return [fault for fault, left in self._faults.items() if left != 0]

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, Any]]:
        """Answer a request for a page. Total."""
        self.pages_asked += 1
        shown = {fault for fault in self.faults if self._uses(fault)}
        if ListFault.LIST_PAGE_FAILS in shown:
            return 500, {"code": "list_page_fails"}
        try:
            signature.verify(headers, body, secrets=self._keys, now=self._now())
        except MalformedInput as unproven:
            return 401, {"code": unproven.code}
        try:
            asked = orjson.loads(body)
            since, until = (datetime.fromisoformat(asked[name]) for name in ("since", "until"))
            begin = int(asked.get("cursor", "0"))
        except (ValueError, KeyError, TypeError):
            return 400, {"code": "since, until and cursor are needed"}
        found = self._found(since, until, shown)
        first = max(0, begin - OVERLAP) if ListFault.LIST_OVERLAPS in shown else begin
        end = begin + self._page
        return 200, {"tickets": found[first:end], "next": str(end) if end < len(found) else None}

    def _uses(self, fault: ListFault) -> bool:
        left = self._faults[fault]
        if left is not None:
            self._faults[fault] = left - 1
        return True

    def _found(self, since: datetime, until: datetime, shown: set[ListFault]) -> list[Mapping[str, Any]]:
        ahead = AHEAD if ListFault.LIST_CLOCK_AHEAD in shown else timedelta(0)
        timed = [(datetime.fromisoformat(one["opened_at"]) + ahead, one) for one in self.tickets.values()]
        found = sorted(((at, one) for at, one in timed if since <= at < until), key=lambda pair: pair[0])
        kept = found[1:] if ListFault.LIST_FORGETS in shown else found
        return [{**one, "opened_at": at.isoformat()} for at, one in kept]


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None
