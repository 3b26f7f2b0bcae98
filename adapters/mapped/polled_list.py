"""A list that a worker polls: what changed since it ended, the overlap included."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.adapter import EnvironmentSecrets
from adapters.expressions import Expression
from adapters.mapped.asked_list import ListReader
from adapters.mapped.transports import SINCE, PolledList
from adapters.outbound_http import DIRECT, Egress
from adapters.time_form import TimeForm
from bus.domain.errors import MalformedInput


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
        self._asked, self._time, self._reader = asked, time, ListReader(asked, documents, secrets, egress)

    async def pages(self, since: datetime) -> AsyncGenerator[ListPage, None]:
        """Give what changed since then, the overlap included. Raises ListAway."""
        begin, now = since - timedelta(seconds=self._asked.overlap_s), datetime.now(UTC)
        async for documents in self._reader.pages({SINCE: begin}):
            yield ListPage(documents=documents, changed_until=self._until(documents, now))

    def _until(self, documents: Sequence[Any], begun: datetime) -> datetime | None:
        """Give the latest change, but at most when this round began: what changed since may be on a page before.

        A document whose time cannot be read moves nothing on.
        """
        times = list[datetime]()
        for one in documents:
            try:
                times.append(self._time.read(str(self._asked.changed_at.read(one))))
            except (MalformedInput, ValueError, OverflowError):
                continue
        return min(begun, max(times)) if times else None
