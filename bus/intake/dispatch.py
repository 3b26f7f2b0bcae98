"""Dispatch: loads a batch's state, lets the domain decide, appends. The only writer of events."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from uuid_utils.compat import uuid7

from bus.domain.batch import BatchDecision, Outcome, Refused, wanted
from bus.domain.batch_decider import settle
from bus.domain.commands import Request
from bus.domain.errors import CommandRaced
from bus.domain.rules import Rules
from bus.domain.terms import EventId
from bus.domain.ticket import Ticket
from bus.intake.store_port import Store
from bus.observability.spans import link, operation
from bus.wire.headers import traceparent

NOT_ALLOWED: Final = "not_allowed"


def utc_now() -> datetime:
    """Read the wall clock; the core takes time as an argument."""
    return datetime.now(UTC)


def new_event_id() -> EventId:
    """Make a time-ordered UUIDv7."""
    return EventId(uuid7())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Decides batches against a store. `committed` is called after each commit that appended something.

    `admit` is asked before each batch of what comes from outside; it raises Transient while that must wait.
    """

    store: Store
    rules: Rules
    now: Callable[[], datetime] = utc_now
    new_event_id: Callable[[], EventId] = new_event_id
    committed: Callable[[], None] = lambda: None
    admit: Callable[[], Awaitable[None]] | None = None

    async def dispatch(self, requests: Sequence[Request]) -> list[Outcome]:
        """Decide a batch in one transaction; outcomes stand in the order of the requests.

        Idempotent per command id. Blocks on the database only. Raises StoreUnavailable, and what `admit` raises:
        nothing is appended then.
        """
        if not requests:
            return []
        if self.admit:
            await self.admit()
        try:
            settled = await self._settled(requests)
        except CommandRaced:  # now the other's answer is known: a repeat, or the refusal of a key used twice
            settled = await self._settled(requests)
        if settled.events:
            self.committed()
        return settled.outcomes

    async def dispatch_together(
        self, requests: Sequence[Request], may: Callable[[Ticket], bool]
    ) -> tuple[Sequence[Outcome], str]:
        """Decide requests as one: all are appended, or none; `may` is asked of each of their tickets, as it stands.

        Gives the outcomes, and why nothing was appended: a code, or empty. Idempotent per command id: what was
        appended before is not asked again. Raises as `dispatch` does.
        """
        if self.admit:
            await self.admit()
        settled = await self._settled(requests, may)
        refused = next((one.error.code for one in settled.outcomes if isinstance(one, Refused)), "")
        if settled.events:
            self.committed()
        return settled.outcomes, refused or ("" if settled.outcomes else NOT_ALLOWED)

    async def _settled(self, requests: Sequence[Request], may: Callable[[Ticket], bool] | None = None) -> BatchDecision:
        async with self.store.transaction() as tx:
            with operation("decide", attributes={"messaging.batch.message_count": len(requests)}) as span:
                loaded = await tx.load(wanted(requests, self.rules))
                allowed = may is None or all(map(may, loaded.tickets.values()))
                settled = settle(
                    requests, loaded, rules=self.rules, recorded_at=self.now(), new_event_id=self.new_event_id
                )
                if may and any(isinstance(one, Refused) for one in settled.outcomes):
                    settled = BatchDecision(outcomes=settled.outcomes)
                elif not allowed and settled.events:
                    settled = BatchDecision()
                link(span, lambda: _contexts(settled))
            if settled.events:
                counted = {"messaging.batch.message_count": len(settled.events)}
                with operation("append", attributes=counted, linked=lambda: _contexts(settled)):
                    await tx.append(settled)
        return settled


def _contexts(settled: BatchDecision) -> Iterator[str]:
    return (traceparent(one.trace_id, one.event_id) for one in settled.events)
