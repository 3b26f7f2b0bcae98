"""Subscriptions of one gateway in memory, and one who was seen reading."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bus.consistency.known_readers import KnownReaders
from bus.consistency.subscriptions import ListedSubscription, Subscription
from bus.consistency.topic_mismatch import TopicMismatch
from bus.consistency.topic_readers import ReaderKind, TopicReader
from bus.domain.errors import CommandRefused
from bus.gateway.ports import SubscriptionService
from bus.gateway.stream.event_filter import DeclaredSubscriptions, EventsOfTicket, StreamFilters, TicketContexts
from schemas.topics import load_contract

CONTRACT = load_contract()
AT = datetime(2026, 11, 29, 3, tzinfo=UTC)


@dataclass
class FakeSubscriptionService:
    """Keeps what it is given, as the table does."""

    rows: list[ListedSubscription] = field(default_factory=list)
    seen: list[TopicReader] = field(
        default_factory=lambda: [
            TopicReader(kind=ReaderKind.STREAM, who="bi", topic="ticket.assign", first_at=AT, last_at=AT)
        ]
    )
    mismatches: list[TopicMismatch] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)

    async def listed(self, client: str, *, removed: bool) -> Sequence[ListedSubscription]:
        return [
            one for one in self.rows if client in ("", one.subscription.client) and (removed or one.removed_at is None)
        ]

    async def readers(self) -> Sequence[TopicReader]:
        return self.seen

    async def known(self) -> KnownReaders:
        declared = await self.listed("", removed=False)
        return KnownReaders(seen=self.seen, listed=declared, mismatches=self.mismatches, ends=self.ends)

    async def add(self, one: Subscription, *, by: str, why: str) -> None:
        if any(row.subscription.version == one.version for row in await self.listed(one.client, removed=False)):
            raise CommandRefused("already", "version", "已有", "it is there")
        self.rows.append(
            ListedSubscription(
                number=len(self.rows) + 1, subscription=one, added_at=AT, added_by=by, added_why=why,
                removed_at=None, removed_by=None, removed_why=None,
            )
        )  # fmt: skip

    async def remove(self, client: str, version: str, *, by: str, why: str) -> bool:
        for n, row in enumerate(self.rows):
            if (row.subscription.client, row.subscription.version, row.removed_at) == (client, version, None):
                self.rows[n] = replace(row, removed_at=AT, removed_by=by, removed_why=why)
                return True
        return False


def filters_on(service: SubscriptionService, events: EventsOfTicket) -> StreamFilters:
    """Make the filters of streams by these subscriptions and this log."""

    async def declared() -> Sequence[Subscription]:
        return [one.subscription for one in await service.listed("", removed=False)]

    return StreamFilters(contract=CONTRACT, declared=DeclaredSubscriptions(declared), live=TicketContexts(events))
