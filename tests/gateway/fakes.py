"""The gateway on parts in memory: the same ports, nothing outside the process."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bus.domain.closing_commands import Reopen
from bus.domain.commands import Command, Note, OpenTicket, Request
from bus.domain.errors import KafkaUnavailable, MalformedInput, StoreUnavailable
from bus.domain.events import Recorded
from bus.domain.rules import Rules
from bus.domain.sla_clock import SlaLimit
from bus.domain.terms import KeyKind, TicketId, TraceId
from bus.domain.ticket import Ticket
from bus.domain.values import IncidentKey
from bus.gateway.auth.binding import Client
from bus.gateway.http.answers import TicketRow
from bus.gateway.ports import SentEvent, TicketQuery
from bus.intake.command_ids import command_id
from bus.intake.dispatch import Dispatcher, utc_now
from bus.intake.memory_store import MemoryStore, MemoryTransaction
from bus.kafka.tail_reader import Bounds, OffsetGone, Partition, Positions
from bus.wire.codec import Codec, RegisteredSchema
from bus.wire.headers import event_headers
from bus.wire.partitioner import partition_of
from bus.wire.record import Record
from bus.work_orders_config import load_work_orders
from schemas.catalogue import BY_CLASS, RECORD_TYPES
from schemas.messages import RequestReceived
from schemas.topics import Contract, load_contract
from tests.gateway.customer_pages import CLOSING
from tests.gateway.described import blank

RULES = Rules(
    dedupe_window=timedelta(minutes=15),
    sla={"hardware_fault": SlaLimit(response=timedelta(minutes=15), resolution=timedelta(hours=8))},
    root_causes=frozenset({"fan"}),
    closure=CLOSING,
    work_orders=load_work_orders(None, ("hardware_fault",)),
)
CONTRACT: Contract = load_contract()
REGISTERED = {n: RegisteredSchema(n, one.subject, one.schema) for n, one in enumerate(RECORD_TYPES, start=1)}
CODEC = Codec(REGISTERED)


class StoreThatMayBeAway(MemoryStore):
    """The in-memory store with a switch."""

    away = False
    transactions = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryTransaction]:
        """Open a transaction, if the store is there."""
        self._there()
        self.transactions += 1
        async with super().transaction() as transaction:
            yield transaction

    async def ticket(self, ticket_id: TicketId) -> Ticket | None:
        """Read, if the store is there."""
        self._there()
        return await super().ticket(ticket_id)

    async def open(self) -> Sequence[Ticket]:
        """List the tickets, if the store is there."""
        self._there()
        return [*self._tickets.values()]

    async def events(self, ticket_id: TicketId, *, after: int = 0, until: int | None = None) -> Sequence[Recorded]:
        """Read, if the store is there."""
        self._there()
        return await super().events(ticket_id, after=after, until=until)

    def _there(self) -> None:
        if self.away:
            raise StoreUnavailable("away for a test")


@dataclass
class FakeLog:
    """A log in lists; `first` is the oldest offset held."""

    records: dict[Partition, list[Record]] = field(default_factory=dict)
    first: dict[Partition, int] = field(default_factory=dict)
    away: bool = False
    readers: int = 0
    readers_most: int = 0

    def put(self, recorded: Recorded, topics: Iterable[str] | None = None) -> None:
        """Append an event to its topics, as the relay does."""
        for topic in topics or CONTRACT.destinations(recorded):
            place = Partition(topic, partition_of(recorded.ticket_id, CONTRACT.topics[topic].partitions))
            self.put_raw(place, CODEC.encode(recorded), headers_of(recorded), recorded.ticket_id.encode())

    def put_raw(self, place: Partition, value: bytes, headers: Sequence[tuple[str, bytes]], key: bytes = b"") -> None:
        """Append any bytes."""
        held = self.records.setdefault(place, [])
        offset = self.first.get(place, 0) + len(held)
        held.append(Record(topic=place.topic, partition=place.partition, offset=offset, key=key, value=value,
                           headers=tuple(headers), timestamp_ms=0))  # fmt: skip

    def bounds(self, topics: Iterable[str]) -> Bounds:
        """Tell the oldest offsets and the next."""
        if self.away:
            raise KafkaUnavailable("away for a test")
        places = self._places(topics)
        starts = {place: self.first.get(place, 0) for place in places}
        return Bounds(starts, {place: self._end(place) for place in places})

    @asynccontextmanager
    async def reader(self) -> AsyncIterator["FakeReader"]:
        """Open a reader, and count how many are open."""
        self.readers += 1
        self.readers_most = max(self.readers_most, self.readers)
        try:
            yield FakeReader(self)
        finally:
            self.readers -= 1

    def _end(self, place: Partition) -> int:
        return self.first.get(place, 0) + len(self.records.get(place, ()))

    def _places(self, topics: Iterable[str]) -> list[Partition]:
        return [Partition(topic, number) for topic in topics for number in range(CONTRACT.topics[topic].partitions)]


@dataclass
class FakeReader:
    """Stands somewhere in a FakeLog; gives few records at a time, so that every seam is met."""

    log: FakeLog
    stands: Positions = field(default_factory=dict)

    async def bounds(self, topics: Iterable[str]) -> Bounds:
        """Tell what the log holds."""
        return self.log.bounds(topics)

    async def since(self, topics: Iterable[str], at: datetime) -> Positions:
        """Tell where a time begins: a test in memory has no past, so it is the end."""
        del at
        return self.log.bounds(topics).ends

    def read_from(self, positions: Mapping[Partition, int]) -> None:
        """Stand there."""
        self.stands = dict(positions)
        if any(offset < self.log.first.get(place, 0) for place, offset in positions.items()):
            raise OffsetGone("cut off")

    async def read(self) -> Sequence[Record]:
        """Give up to three records of each place."""
        if self.log.away:
            raise KafkaUnavailable("away for a test")
        found = []
        for place, offset in self.stands.items():
            index = offset - self.log.first.get(place, 0)
            records = self.log.records.get(place, [])[index : index + 3]
            self.stands[place] += len(records)
            found += records
        await asyncio.sleep(0 if found else 0.005)
        return found

    async def positions(self) -> Positions:
        """Tell where it stands."""
        return dict(self.stands)


def headers_of(recorded: Recorded) -> list[tuple[str, bytes]]:
    """Give the headers that the relay writes."""
    return event_headers(
        event_id=recorded.event_id,
        source=recorded.source,
        ce_type=BY_CLASS[type(recorded.event)].ce_type,
        ticket_id=recorded.ticket_id,
        occurred_at=recorded.occurred_at,
        trace_id=recorded.trace_id,
        version=recorded.version,
    )


@dataclass
class FakeClients:
    """Tokens read as `ROLE-anything`; the client is named by the token."""

    known: dict[str, Client]

    async def find(self, token: str) -> Client | None:
        """Look it up."""
        return self.known.get(token)


@dataclass
class FakeReadModel:
    """Rows given by the test, filtered as the read model would."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    async def page(self, query: TicketQuery) -> Sequence[Mapping[str, Any]]:
        """Give a page, newest first."""
        state, assignee, before, scope = query.state, query.assignee, query.before, query.scope
        found = [
            row
            for row in sorted(self.rows, key=lambda row: str(row["ticket_id"]), reverse=True)
            if (state is None or row["state"] == state)
            and (assignee is None or row["assignee"] == assignee)
            and (before is None or row["ticket_id"] < before)
            and (scope is None or not scope.person or row["assignee"] == scope.person)
            and (scope is None or not scope.source or row["source"] == scope.source)
            and (scope is None or not scope.regions or row["region"] in scope.regions)
        ]
        return [{**blank(TicketRow), **row} for row in found[: query.limit]]


@dataclass
class FakePushes:
    """Keeps what was noted."""

    noted: list[SentEvent] = field(default_factory=list)

    def note(self, push: SentEvent) -> None:
        """Keep it."""
        self.noted.append(push)


@dataclass
class FakeSpool:
    """Keeps what was spooled, unless Kafka is away."""

    spooled: list[RequestReceived] = field(default_factory=list)
    away: bool = False
    waiting: set[str] = field(default_factory=set)

    async def __call__(self, received: RequestReceived) -> None:
        """Keep it."""
        if self.away:
            raise KafkaUnavailable("away for a test")
        self.spooled.append(received)

    async def waits(self, source: str) -> bool:
        """Say what the test says."""
        return source in self.waiting


class FakeSource:
    """A source whose signature is a header `signed: yes`, and whose body is a list of words: open, note, bad."""

    name = "fake"

    def verify(self, headers: Mapping[str, str], body: bytes, now: object) -> str:
        """Believe the header."""
        del body, now
        if headers.get("signed") != "yes":
            raise MalformedInput("bad_signature", "webhook-signature", "签名不符", "the signature does not match")
        return headers["webhook-id"]

    def translate(self, received: RequestReceived) -> Sequence[Request]:
        """Make a request a word."""
        words = received.body.decode().split()
        if "bad" in words:
            raise MalformedInput("unknown_type", "type", "不认识的类型", "an unknown type")
        key = IncidentKey(kind=KeyKind.ORDER, value="O-1")
        commands: dict[str, Command] = {
            "open": OpenTicket(incident_key=key, title="t", type="hardware_fault", source_no="A1"),
            "note": Note(text="n"),
            "reopen": Reopen(reason="r"),
            "nul": Note(text="a\0b"),
        }
        return [
            Request(
                command_id=command_id("fake", f"{received.delivery_id}{n}"),
                command=commands[word],
                source="fake",
                actor="fake",
                at=received.received_at,
                received_at=received.received_at,
                trace_id=TraceId(received.trace_id),
                fingerprint=word,
                source_no="A1",
            )
            for n, word in enumerate(words)
        ]


def dispatcher_on(store: MemoryStore, log: FakeLog) -> Dispatcher:
    """Make a dispatcher whose events reach the log at once."""
    published: dict[TicketId, int] = {}

    def publish() -> None:
        for ticket_id, events in store.log.items():
            for recorded in events[published.get(ticket_id, 0) :]:
                log.put(recorded)
            published[ticket_id] = len(events)

    return Dispatcher(store=store, rules=RULES, committed=publish, now=utc_now)
