"""Reconciles a source: reads its whole list, compares it with PostgreSQL, and writes down what that came to."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.intake.dispatch import utc_now
from bus.observability.masking import mask_text
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from bus.reconcile.bus_tickets import opened_within, with_numbers
from bus.reconcile.compare import SETTLED_AFTER, FieldDifference, ListComparison, ListWindow, compare
from bus.reconcile.open_missing import ACTOR
from bus.reconcile.since_event import differs_since
from bus.reconcile.source_list import ListedTicket, ListUnavailable
from bus.reconcile.store import LIST_WITHIN, note_comparison, note_failure

LISTED_MAX: Final = 1_000_000  # a ticket takes about a kilobyte of memory
DATED_MAX: Final = 200  # differences of which the event is looked for: each reads a ticket's history
WIDER: Final = timedelta(days=1)
log = structlog.get_logger()
Pages = AsyncGenerator[Sequence[ListedTicket], None]
Ask = Callable[[datetime, datetime], Pages]  # gives the list from a time on and before another


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedDifference:
    """A difference and the event since which it is there; None where there are too many to look for it."""

    difference: FieldDifference
    since: Recorded | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """What reconciling a source came to; `unjudged`: why nothing is known of what the source lost."""

    source: str
    window: ListWindow
    found: ListComparison
    different: Sequence[DatedDifference]
    unjudged: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Reconciles sources one at a time; safe beside live traffic, and beside another that does the same."""

    pool: Pool
    store: PostgresStore
    now: Callable[[], datetime] = utc_now

    def settled(self, until: datetime) -> datetime:
        """Give the time up to which tickets can be judged: what was opened within five minutes may be under way."""
        return min(until, self.now() - SETTLED_AFTER)

    async def reconcile(
        self,
        source: str,
        ask: Ask,
        window: ListWindow,
        *,
        by_file: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> ReconcileReport:
        """Compare a source's whole list with the bus, and note it. Idempotent.

        What the source seems to have lost is looked for once more in its list of a day before and after: the bus may
        have it by the time of a webhook that was sent late. If that list does not come, what was lost is not judged.

        A list that is not read to its end is judged in nothing, and noted as that. Raises ListUnavailable,
        StoreUnavailable.
        """
        try:
            listed = await _read(ask, window, progress)
        except ListUnavailable as failed:
            async with connected(self.pool) as connection:
                await note_failure(connection, source, window, mask_text(str(failed)), by_file=by_file)
            raise
        async with connected(self.pool) as connection:
            known = await opened_within(connection, source, window)
            others = [number for number in listed if number not in known]
            known |= await with_numbers(connection, source, others)
        found, unjudged = await _looked_for(compare(listed, known, window), ask, progress)
        found, different = await self._settled_differences(found)
        failure = mask_text(str(unjudged)) if unjudged else None
        async with connected(self.pool) as connection:
            await note_comparison(
                connection, source, window, found, numbers=listed.keys(), failure=failure, by_file=by_file
            )
        return ReconcileReport(source=source, window=window, found=found, different=different, unjudged=unjudged)

    async def differing(
        self, source: str, listed: Sequence[ListedTicket], window: ListWindow
    ) -> Sequence[DatedDifference]:
        """Find in what tickets differ that were opened from the list just now. Raises StoreUnavailable."""
        async with connected(self.pool) as connection:
            known = await with_numbers(connection, source, [one.number for one in listed])
        found = compare({one.number: one for one in listed}, known, window)
        return (await self._settled_differences(found))[1]

    async def _settled_differences(self, found: ListComparison) -> tuple[ListComparison, Sequence[DatedDifference]]:
        """Leave out differences of the last minutes, which the source may not have heard of; find when others began.

        What was opened from the source's own list says nothing that it has not heard of.
        """
        kept = list[DatedDifference]()
        for one in found.different[:DATED_MAX]:
            history = await self.store.events(TicketId(one.ticket_id))
            since = differs_since(history, one.field, one.listed)
            if since and (since.actor.startswith(ACTOR) or since.recorded_at <= self.now() - SETTLED_AFTER):
                kept.append(DatedDifference(difference=one, since=since))
        kept += [DatedDifference(difference=one, since=None) for one in found.different[DATED_MAX:]]
        return replace(found, different=[one.difference for one in kept]), kept


async def _looked_for(
    found: ListComparison, ask: Ask, progress: Callable[[int], None]
) -> tuple[ListComparison, Text | None]:
    """Leave out of what the source lost what it lists within a day of the time that the bus has, or say why all is."""
    if not found.missing_there:
        return found, None
    times = [one.at for one in found.missing_there]
    try:
        listed = await _read(ask, ListWindow(since=min(times) - WIDER, until=max(times) + WIDER), progress)
    except ListUnavailable as failed:
        return replace(found, missing_there=[], not_judged=[*found.not_judged, *found.missing_there]), failed.text
    return replace(found, missing_there=[one for one in found.missing_there if one.number not in listed]), None


async def _read(ask: Ask, window: ListWindow, progress: Callable[[int], None]) -> dict[str, ListedTicket]:
    listed = dict[str, ListedTicket]()
    try:
        async with asyncio.timeout(LIST_WITHIN.total_seconds()), aclosing(ask(window.since, window.until)) as pages:
            async for page in pages:
                listed |= {one.number: one for one in page}
                progress(len(listed))
                if len(listed) > LISTED_MAX:
                    raise _too_long(f"{LISTED_MAX:,} 张工单", f"{LISTED_MAX:,} tickets")
    except ListUnavailable:
        raise
    except TimeoutError:
        raise _too_long(f"{LIST_WITHIN} 内可读完的量", f"can be read within {LIST_WITHIN}") from None
    except Exception as error:  # an adapter is to raise ListUnavailable alone: its fault is its source's, no other's
        log.exception("list_adapter_failed")
        why = f"{type(error).__name__}: {error}"
        raise ListUnavailable(Text(f"适配器出错 {why}", f"the adapter failed: {why}")) from error
    return listed


def _too_long(zh: str, en: str) -> ListUnavailable:
    return ListUnavailable(
        Text(f"清单超过 {zh},请缩小 --since 与 --until", f"the list has more than {en}: narrow --since and --until")
    )
