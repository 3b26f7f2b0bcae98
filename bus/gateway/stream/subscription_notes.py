"""Notes in PostgreSQL who subscribes to streams, and whom the gateway refused: best effort, in nobody's way."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Final

from bus.consistency.mismatch_store import note_mismatches
from bus.consistency.shown_names import one_line, shown
from bus.consistency.subscription_store import see_readers
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch
from bus.consistency.topic_readers import ReaderKind, TopicReader
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected

WAITING_MAX: Final = 200  # clients and topics at once; the metric counts them all
HOSTS_MAX: Final = 5  # addresses of one client that are remembered between two writes
EVERY_S: Final = 2.0
SEEN_EVERY_S: Final = 30.0  # so often an open stream is written again
Refused = tuple[str, str, str]  # client, topic, nearest
Stream = tuple[str, str]  # client, topic


class PostgresSubscriptionNotes:
    """Counts of refusals that wait, the streams that are open, and the task that writes both."""

    def __init__(self, pool: Pool) -> None:
        """Begin empty."""
        self._pool = pool
        self._refused: Counter[Refused] = Counter()
        self._hosts: dict[Refused, set[str]] = {}
        self._open: Counter[Stream] = Counter()
        self._new: set[Stream] = set()
        self._seen_at = monotonic()

    def refused(self, client: str, topic: str, nearest: str, host: str) -> None:
        """Take a refusal in; never blocks, never fails, keeps what its bound allows."""
        key = client, shown(topic), nearest
        if key in self._refused or len(self._refused) < WAITING_MAX:
            self._refused[key] += 1
            hosts = self._hosts.setdefault(key, set())
            if len(hosts) < HOSTS_MAX:
                hosts.add(one_line(host))

    def opened(self, client: str, topics: Sequence[str]) -> None:
        """Take in that a stream is open; never blocks, never fails."""
        for topic in topics:
            self._open[client, topic] += 1
            self._new.add((client, topic))

    def closed(self, client: str, topics: Sequence[str]) -> None:
        """Take in that a stream has ended."""
        for topic in topics:
            self._open[client, topic] -= 1
            if self._open[client, topic] <= 0:
                del self._open[client, topic]

    async def write_for_ever(self) -> None:
        """Write what waits every EVERY_S until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what waits; keeps it while the store is away."""
        due = monotonic() - self._seen_at >= SEEN_EVERY_S
        refused, hosts, reading = self._refused, self._hosts, self._new.union(self._open if due else ())
        if not refused and not reading:
            return
        self._refused, self._hosts, self._new = Counter(), {}, set()
        found = [
            TopicMismatch(
                kind=MismatchKind.STREAM,
                who=client,
                topic=topic,
                nearest=nearest,
                times=times,
                members=tuple(sorted(hosts[client, topic, nearest])),
            )
            for (client, topic, nearest), times in refused.items()
        ]
        readers = [TopicReader(kind=ReaderKind.STREAM, who=client, topic=topic) for client, topic in reading]
        try:
            async with connected(self._pool) as connection:
                await note_mismatches(connection, found)
                await see_readers(connection, readers)
        except StoreUnavailable:
            self._refused += refused
            self._hosts = hosts | self._hosts
            self._new |= reading
            return
        if due:
            self._seen_at = monotonic()
