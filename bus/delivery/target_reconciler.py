"""Reconciles a target: reads its whole list of documents, compares it with the deliveries, and looks twice at each."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from bus.delivery.compare_documents import DocumentComparison, compare_documents
from bus.delivery.document_list import ListedDocument, ListingTarget
from bus.delivery.known_requests import KnownRequests
from bus.delivery.target import DeliveryFailed
from bus.domain.errors import Transient
from bus.domain.events import Recorded
from bus.domain.text import Text
from bus.domain.time_text import CHINA
from bus.observability.masking import mask_text
from bus.postgres.pool import Pool

LIST_WITHIN: Final = timedelta(minutes=30)  # a list is read whole by then, or not at all
LISTED_MAX: Final = 200_000
log = structlog.get_logger()
Pages = AsyncGenerator[Sequence[ListedDocument], None]


class DocumentsUnavailable(Transient):
    """The target's list was not read to its end, or not in a form that can be judged: nothing is known by it."""

    def __init__(self, zh: str, en: str) -> None:
        none = Text(f"单据清单不完整,未作判断:{zh}", f"the list is not whole, nothing was judged: {en}")
        super().__init__(str(none))
        self.text = none


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What reconciling a target came to; the time is that of deliveries, and of documents its days in China."""

    target: str
    since: datetime
    until: datetime
    found: DocumentComparison


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReconciler:
    """Reconciles targets; safe beside live deliveries. `events` decodes events of the log, which may stay sealed."""

    pool: Pool
    events: Callable[[Sequence[bytes]], Awaitable[Sequence[Recorded]]]
    now: Callable[[], datetime]

    async def reconcile(self, name: str, target: ListingTarget, since: datetime, until: datetime) -> TargetReport:
        """Compare what a target lists with what was delivered to it from `since` on and before `until`.

        Changes nothing. Of what is named the target is asked once more by its number: it may stand under another day,
        have moved between two pages, or have changed meanwhile. Raises DocumentsUnavailable, StoreUnavailable,
        Transient.
        """
        known = KnownRequests(pool=self.pool, name=name, target=target, events=self.events, began=self.now())
        try:
            async with asyncio.timeout(LIST_WITHIN.total_seconds()):
                listed = await _read(target.documents(_day(since), _day(until)))
                found = compare_documents(listed, await known.read(listed, since, until))
                if found.differences:
                    numbers = sorted({one.number for one in found.differences})
                    again = await _read(target.documents_of(numbers))
                    listed = [one for one in listed if one.number not in numbers] + again
                    found = compare_documents(listed, await known.read(listed, since, until))
        except TimeoutError:
            raise _too_long(f"{LIST_WITHIN} 内可读完的量", f"can be read within {LIST_WITHIN}") from None
        return TargetReport(target=name, since=since, until=until, found=found)


async def _read(pages: Pages) -> list[ListedDocument]:
    """Read a list to its end. Raises DocumentsUnavailable."""
    listed = list[ListedDocument]()
    try:
        async with aclosing(pages):
            async for page in pages:
                listed += page
                if len(listed) > LISTED_MAX:
                    raise _too_long(f"{LISTED_MAX:,} 张单据", f"{LISTED_MAX:,} documents")
    except (DocumentsUnavailable, Transient, TimeoutError):
        raise
    except DeliveryFailed as failed:
        why = mask_text(f"{failed.detail} {failed.message}".strip())
        raise DocumentsUnavailable(f"{failed.kind}: {why}", f"{failed.kind}: {why}") from None
    except Exception as error:  # an adapter is to raise DeliveryFailed alone: its fault is its target's, no other's
        log.exception("document_list_failed")
        why = mask_text(f"{type(error).__name__}: {error}")
        raise DocumentsUnavailable(f"适配器出错 {why}", f"the adapter failed: {why}") from error
    return listed


def _day(at: datetime) -> date:
    """Give the day in the books, which is China's."""
    return at.astimezone(CHINA).date()


def _too_long(zh: str, en: str) -> DocumentsUnavailable:
    return DocumentsUnavailable(
        f"清单超过 {zh},请缩小 --since 与 --until", f"the list has more than {en}: narrow --since and --until"
    )
