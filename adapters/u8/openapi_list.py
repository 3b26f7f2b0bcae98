"""U8 OpenAPI's list of bills, whole or not at all: its pages go by number, and bills move between them.

Not seen first-hand: in which order a list is, and whether a row is a bill or a line of one; different lines of one
bill that stand one behind the other are one.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any, Final

from adapters.list_pages import patiently
from adapters.u8.openapi_answers import BillPage, document_of
from adapters.u8.openapi_wire import LIST, by_days, by_number
from bus.delivery.document_list import ListedDocument
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

READS: Final = 3  # of a list that changes between its pages
PAGES_MAX: Final = 1_000
FOREIGN: Final = Text("列表是其他单据的", "the list is of other bills")
ENDLESS: Final = Text("列表没有尽头", "the list has no end")
_MOVED: Final = Text("读取期间列表变动或分页重复", "the list changed while it was read, or its pages repeat")
_NO_DAY: Final = Text("列表中的单据没有日期", "a bill in the list has no day")
Ask = Callable[[Mapping[str, str]], Awaitable[BillPage]]  # a page by its parameters
Rows = Sequence[Mapping[str, Any]]


async def bills_of_days(
    ask: Ask, since: date, until: date, *, verified: bool
) -> AsyncGenerator[Sequence[ListedDocument], None]:
    """List our bills whose day is from `since` to `until`. Raises DeliveryFailed.

    A list that changed while it was read is read anew, a few times.
    """
    yield _documents(await _rows(ask, partial(by_days, since, until)), verified=verified)


async def bills_of_numbers(
    ask: Ask, numbers: Sequence[str], *, verified: bool
) -> AsyncGenerator[Sequence[ListedDocument], None]:
    """List the bills of some numbers. Raises DeliveryFailed."""
    for number in numbers:
        rows = await _rows(ask, partial(by_number, number))
        found = [one for one in _documents(rows, verified=verified) if one.number == number]
        if rows and not found:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{FOREIGN} at {LIST}")
        yield found


def _documents(rows: Rows, *, verified: bool) -> Sequence[ListedDocument]:
    try:
        return [one for row in rows if (one := document_of(row, verified=verified)) is not None]
    except ValueError:
        raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_NO_DAY} at {LIST}") from None


async def _rows(ask: Ask, asked: Callable[[int], Mapping[str, str]]) -> Rows:
    for _ in range(READS):
        if (rows := await _read_once(ask, asked)) is not None:
            return rows
    raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_MOVED} at {LIST}")


async def _read_once(ask: Ask, asked: Callable[[int], Mapping[str, str]]) -> Rows | None:
    """Read all pages; None when they are not of one and the same list."""
    rows, counts = list[Mapping[str, Any]](), set[int | None]()
    for number in range(1, PAGES_MAX + 1):
        page = await patiently(partial(ask, asked(number)))
        if rows and page.rows and rows[-1] == page.rows[0]:
            return None
        rows += page.rows
        counts.add(page.count)
        if number >= page.pages:
            codes = [code for code, _ in groupby(str(row.get("code")) for row in rows)]
            whole = len(counts) == 1 and counts <= {None, len(rows)}
            return rows if whole and len(codes) == len({*codes}) else None
    raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{ENDLESS} at {LIST}")
