"""The dead-letter room as the doors see it, with what it reports kept, and letters to put into it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from bus.alerts.alert import Alert
from bus.domain.commands import Note, OpenTicket
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from bus.intake.dispatch import Dispatcher
from bus.intake.dispatch_handler import DispatchHandler, RecordTranslator
from bus.outbox.relay import Relay
from bus.postgres.pool import Connection, Pool, connected, in_transaction
from bus.settings import Settings
from bus.wire.record import Record
from bus.wire.record_reader import nothing_more
from bus.wire.rejected_input import RejectedInput
from deadletter.dead_letter import DeadLetter, Decision, NewDeadLetter
from deadletter.rejected_inputs import MemoryRejectedInputs, PostgresRejectedInputs
from deadletter.store import post, read_clear
from schemas.messages import CommandSent, RequestReceived
from schemas.topics import load_contract
from tests.databases import KEYS
from tests.gateway.fakes import CODEC, RULES, StoreThatMayBeAway

BEGAN = datetime(2026, 11, 22, 8, 29, tzinfo=UTC)
DIED = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
DECIDED = datetime(2026, 11, 22, 8, 40, tzinfo=UTC)
DECISION = Decision(by="张工", why="物料已建档", at=DECIDED)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NO_CONNECTION = cast("Connection", object())  # the doors' handlers commit on their own


class LetterStore(MemoryRejectedInputs):
    """Keeps refused input in memory and in the room itself."""

    def __init__(self, pool: Pool) -> None:
        """Begin with nothing found."""
        super().__init__()
        self.pool, self.found = pool, list[Alert]()
        self._room = PostgresRejectedInputs(pool, CODEC.encode_record, KEYS, now=lambda: DIED, report=self.found.append)

    async def keep(self, inputs: Sequence[RejectedInput]) -> None:
        await super().keep(inputs)
        await self._room.keep(inputs)

    async def letters(self) -> list[DeadLetter]:
        """Read all letters, the oldest first, input in clear."""
        async with connected(self.pool) as connection:
            rows = await (await connection.execute("SELECT id FROM letters ORDER BY id")).fetchall()
        return [await in_transaction(self.pool, read_clear, number, KEYS) for (number,) in rows]

    async def put(self, *dead: NewDeadLetter) -> list[int]:
        """Post letters; gives their numbers."""
        async with connected(self.pool) as connection:
            return await post(connection, dead, CODEC.encode_record)


def dead(**own: Any) -> NewDeadLetter:
    """Make a letter of input, as it is posted: a command of a system that speaks Kafka."""
    plain: dict[str, Any] = {
        "origin": "commands",
        "origin_ref": "5a0e3c0c-0000-0000-0000-000000000001",
        "ticket_id": "",
        "trace_id": TRACE,
        "reason": "no_such_ticket",
        "kind": "refused",
        "cause": "c0ffee",
        "detail": "没有这张工单 / there is no such ticket",
        "failures": [{"at": DIED.isoformat(), "kind": "refused", "detail": "没有这张工单 / there is no such ticket"}],
        "headers": {":place": "ticket.commands/0@7"},
        "value": CODEC.encode_record(noted("k1", "等待备件")),
        "began_at": BEGAN,
        "died_at": DIED,
    }
    return NewDeadLetter(**{**plain, **own})


def letter(**own: Any) -> DeadLetter:
    """Make a letter as it is read: the same, with a number."""
    one = dead()
    plain: dict[str, Any] = {name: getattr(one, name) for name in NewDeadLetter.__dataclass_fields__}
    read_back = {"id": 7, "state": "open", "edited_from": None, "behind": 0, "decisions": []}
    return DeadLetter(**{**plain, **read_back, **own})


def opened(key: str, number: str = "S-1") -> CommandSent:
    """Give a command that opens the ticket that a system calls by `number`."""
    incident = IncidentKey(kind=KeyKind.SERIAL, value=f"SN{number}")
    command = OpenTicket(incident_key=incident, title="冰箱不制冷", type="hardware_fault", source_no=number)
    return CommandSent(idempotency_key=key, source="mes", actor="李工", command=command)


def noted(key: str, text: str, number: str = "S-1") -> CommandSent:
    """Give a command that adds a note to it."""
    return CommandSent(
        idempotency_key=key, source="mes", actor="李工", ticket_source_no=number, command=Note(text=text)
    )


def received(body: bytes, delivery: str = "d1", **own: Any) -> RequestReceived:
    """Give a delivery of the made-up source, as the gateway received it."""
    plain: dict[str, Any] = {
        "delivery_id": delivery,
        "source": "fake",
        "client": "fake",
        "method": "POST",
        "path": "/v1/sources/fake/webhook",
        "headers": {"webhook-id": delivery},
        "body": body,
        "received_at": BEGAN,
        "trace_id": TRACE,
    }
    return RequestReceived(**{**plain, **own})


def record(value: bytes | None, offset: int = 0, topic: str = "ticket.commands", **own: Any) -> Record:
    """Give a record as it stands on Kafka."""
    plain: dict[str, Any] = {"key": b"S-1", "headers": (), "timestamp_ms": int(BEGAN.timestamp() * 1000)}
    return Record(topic=topic, partition=0, offset=offset, value=value, **{**plain, **own})


def handler(translator: RecordTranslator, store: StoreThatMayBeAway, refused: MemoryRejectedInputs) -> DispatchHandler:
    """Make a door's handler on a store in memory."""
    dispatcher = Dispatcher(store=store, rules=RULES, now=lambda: DECIDED)
    return DispatchHandler(
        name="door", translator=translator, dispatcher=dispatcher, refused=refused, know=nothing_more
    )


@asynccontextmanager
async def relaying(letter_store: LetterStore, settings: Settings) -> AsyncIterator[Relay]:
    """Make a relay whose producer is gone afterwards, and that reports into the room."""
    relay = Relay(pool=letter_store.pool, contract=load_contract(), settings=settings, report=letter_store.found.append)
    try:
        yield relay
    finally:
        await relay.close()


async def told(letter_store: LetterStore, settings: Settings) -> int:
    """Publish all that the room has to tell; gives how much that was."""
    published = 0
    async with relaying(letter_store, settings) as relay, asyncio.timeout(60):
        while count := await relay.publish_once():
            published += count
    return published
