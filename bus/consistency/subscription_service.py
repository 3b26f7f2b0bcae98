"""Subscriptions as the gateway asks for them: each question a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from bus.consistency import subscription_store
from bus.consistency.known_readers import KnownReaders, read_known_readers
from bus.consistency.subscriptions import ListedSubscription, Subscription
from bus.consistency.topic_readers import TopicReader
from bus.postgres.pool import Pool, in_transaction


@dataclass(frozen=True, slots=True)
class PostgresSubscriptionService:
    """Who reads from outside, and who was seen reading. All of it raises StoreUnavailable."""

    pool: Pool

    async def listed(self, client: str, *, removed: bool) -> Sequence[ListedSubscription]:
        """List those of a client, or of all where it is empty; removed ones where asked."""
        return await in_transaction(self.pool, subscription_store.list_subscriptions, client, removed=removed)

    async def readers(self) -> Sequence[TopicReader]:
        """Give all who have been seen reading."""
        return await in_transaction(self.pool, subscription_store.seen_readers)

    async def known(self) -> KnownReaders:
        """Give who reads, is declared to read, and uses what nobody declares, as it was seen lately."""
        return await in_transaction(self.pool, read_known_readers)

    async def add(self, one: Subscription, *, by: str, why: str) -> None:
        """Add a subscription that was checked. Raises CommandRefused where the client has one of that version."""
        await in_transaction(self.pool, subscription_store.add_subscription, one, by=by, why=why)

    async def remove(self, client: str, version: str, *, by: str, why: str) -> bool:
        """Mark a subscription as removed. False: there is none."""
        return await in_transaction(self.pool, subscription_store.remove_subscription, client, version, by=by, why=why)
