"""Kingdee's list of bills page by page, by the FID of the last one: until a page is empty, however many it holds."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import date
from functools import partial
from typing import Final

from adapters.erp.kingdee_wire import QUERY, KingdeeSettings, is_bill_number, query_documents, query_numbered
from adapters.list_pages import patiently
from bus.delivery.document_list import ListedDocument
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

NUMBERS_AT_ONCE: Final = 50
PAGES_MAX: Final = 10_000
Ask = Callable[[bytes], Awaitable[Sequence[ListedDocument]]]  # a page by its question
_REPEATED: Final = Text("清单分页重复或不按内码排序", "pages of the list repeat, or are not in the order of FID")
_FOREIGN: Final = Text("清单是其他单据的", "the list is of other bills")
_ENDLESS: Final = Text("清单没有尽头", "the list has no end")


async def bills_of_days(
    ask: Ask, settings: KingdeeSettings, since: date, until: date
) -> AsyncGenerator[Sequence[ListedDocument], None]:
    """List our bills whose day is from `since` to `until`. Raises DeliveryFailed."""
    async for page in _pages(ask, lambda after: query_documents(settings, since, until, after=after)):
        yield [one for one in page if is_bill_number(one.number)]


async def bills_of_numbers(ask: Ask, numbers: Sequence[str]) -> AsyncGenerator[Sequence[ListedDocument], None]:
    """List the bills of some numbers. Raises DeliveryFailed."""
    for begin in range(0, len(numbers), NUMBERS_AT_ONCE):
        some = numbers[begin : begin + NUMBERS_AT_ONCE]
        async for page in _pages(ask, partial(_numbered, some)):
            if any(one.number not in some for one in page):
                raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_FOREIGN} at {QUERY}")
            yield page


def _numbered(numbers: Sequence[str], after: int) -> bytes:
    return query_numbered(numbers, after=after)


async def _pages(ask: Ask, asked: Callable[[int], bytes]) -> AsyncGenerator[Sequence[ListedDocument], None]:
    """Read to the empty page: an ERP that gives fewer rows than it was asked for has not ended by that.

    `asked` writes the question of the page behind a FID. A bill that stands in a page several times is one.
    """
    after = 0
    for _ in range(PAGES_MAX):
        page = await patiently(partial(ask, asked(after)))
        if not page:
            return
        fids = [int(one.own_id) if one.own_id.isdecimal() else 0 for one in page]
        if min(fids) <= after:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_REPEATED} at {QUERY}")
        after = max(fids)
        yield page
    raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_ENDLESS} at {QUERY}")
