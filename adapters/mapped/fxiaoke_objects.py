"""Reads the records of an object of 纷享销客 that changed, in the order of their ids.

There is no way to be told of changes. Pages are found by the last id, not by an offset: that ends at 10,000, and moves
when a record changes meanwhile. A record that changes while pages are read is read in the next round again.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import orjson

from adapters.adapter import EnvironmentSecrets
from adapters.exchange import Talk
from adapters.fxiaoke_api import wire
from adapters.fxiaoke_api.session import FxiaokeSession, unexpected
from adapters.mapped.asked_list import WAIT_S_MAX, ListAway
from adapters.mapped.polled_list import ListPage
from adapters.mapped.transports import FxiaokeObjects
from adapters.outbound_http import DIRECT, Deadline, Egress
from bus.delivery.target import DeliveryFailed
from bus.intake.dispatch import utc_now

PAGE_S_MAX: Final = 60.0  # the wait for the budget included
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FxiaokePoller:
    """One source's object."""

    def __init__(
        self,
        asked: FxiaokeObjects,
        secrets: EnvironmentSecrets,
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Read the account's secrets. Opens nothing. Raises ConfigFileInvalid."""
        self._asked, self._login, self._egress, self._now = asked, asked.account.login(secrets), egress, now

    async def pages(self, since: datetime) -> AsyncGenerator[ListPage, None]:
        """Give what changed since then, the overlap included. Raises ListAway."""
        session, begun = FxiaokeSession(self._login, egress=self._egress, now=self._now), self._now()
        first_ms = (since - timedelta(seconds=self._asked.overlap_s) - _EPOCH) // timedelta(milliseconds=1)
        after = ""
        try:
            while True:
                rows = await self._rows(session, first_ms, after)
                yield ListPage(documents=_once(rows), changed_until=_until(rows, begun))
                if len(rows) < wire.ROWS_MAX:
                    return
                after = rows[-1][wire.ID]
        except DeliveryFailed as failed:
            wait_s = min(failed.retry_after_s or 0.0, WAIT_S_MAX)
            code = f" errorCode {failed.code}" if failed.code else ""
            raise ListAway(f"{failed.detail}{code}", wait_s) from None
        finally:
            await session.close()

    async def _rows(self, session: FxiaokeSession, first_ms: int, after: str) -> Sequence[Mapping[str, Any]]:
        """Give a page, ids ascending after `after`; another question's answer is refused. Raises DeliveryFailed."""
        asked = self._asked
        filters = [wire.condition(wire.CHANGED_AT, "GTE", str(first_ms)), *(one.model_dump() for one in asked.filters)]
        if after:
            filters.append(wire.condition(wire.ID, "GT", after))
        fields = dict.fromkeys((wire.ID, wire.CHANGED_AT, *asked.fields)) if asked.fields else ()
        path = wire.path(asked.object, "query")
        talk = Talk(trace_headers={}, deadline=Deadline.after(PAGE_S_MAX))
        body = wire.query(asked.object, filters, fields=list(fields))
        rows = wire.rows_in(await session.ask(talk, path, body, changes=False), asked.object)
        ids = [after, *dict.fromkeys(one[wire.ID] for one in rows or ())]
        ascending = all(one < other for one, other in pairwise(ids))
        if rows is None or not ascending or not all(_changed_ms(one) >= first_ms for one in rows):
            raise unexpected(path, changes=False)
        return rows


def _once(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Give each record once, a page may hold one twice, and its fields in one order: by its bytes a repeat is known."""
    return [_ordered(one) for one in {one[wire.ID]: one for one in rows}.values()]


def _ordered(row: Mapping[str, Any]) -> Mapping[str, Any]:
    ordered: Mapping[str, Any] = orjson.loads(orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
    return ordered


def _changed_ms(row: Mapping[str, Any]) -> int:
    """Give when a record changed, in milliseconds; -1 where it does not say so."""
    text = str(row.get(wire.CHANGED_AT))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else -1


def _until(rows: Sequence[Mapping[str, Any]], begun: datetime) -> datetime | None:
    """Give up to when the next round needs not look back: the latest change, but at most when this round began.

    What changes later may have an id that was passed already.
    """
    latest = max((_changed_ms(one) for one in rows), default=None)
    return None if latest is None else min(begun, _EPOCH + timedelta(milliseconds=latest))
