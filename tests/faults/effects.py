"""What became of commands, read from the real stores of a bus into plain data; the checker judges it."""

import time
from asyncio import sleep
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bus.app import Core, require
from bus.delivery.target import delivery_key
from bus.domain.errors import BusError
from bus.domain.events import Recorded, TicketOpened
from bus.domain.evolve import evolve
from bus.domain.promise_events import SlaBreached, SlaBreachWithdrawn
from bus.domain.sla_clock import due_at
from bus.domain.terms import BUS, ClockName, EventId
from bus.domain.ticket import Ticket, clock_of
from bus.domain.ticket_keys import key_name
from bus.intake.command_ids import command_id
from bus.intake.commands_topic import COMMANDS_HANDLER
from bus.intake.intake_topic import INTAKE_HANDLER
from bus.kafka.range_reader import RangeReader, open_reader
from bus.postgres.pool import snapshot
from bus.stage.offsets import positions
from projections.read_models import READ_MODELS, handler_of
from projections.verify import verify
from schemas.catalogue import BY_CLASS
from schemas.topics import COMMANDS, INTAKE, physical
from tests.bus_under_test import Bus
from tests.faults.logged import Logged, digest, ends_of, logged_until

MOMENT_S_MAX = 30.0
_EVENTS = "SELECT value FROM events ORDER BY ticket_id, version"
_LETTERS = "SELECT origin, origin_ref, code FROM refused_inputs"
_COMMANDS = "SELECT command_id::text, ticket_id, version FROM commands"
_DELIVERED = "SELECT target, ticket_id, event_id FROM deliveries JOIN events USING (ticket_id, version)"
_WAITING = """
SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM outbox WHERE published_at IS NULL),
       (SELECT count(*) FROM delivery_heads WHERE NOT parked)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An event in PostgreSQL. `own`: a clock ran out, nobody asked for it; `topics`: where it is to be published.

    `incident` is the incident key of a live opening, spelled one way. `source`: who told it.
    """

    ticket_id: str
    version: int
    event_id: str
    ce_type: str
    command_id: str
    occurred_at: float
    recorded_at: float
    digest: str
    topics: tuple[str, ...]
    own: bool = False
    incident: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A refusal that was kept; `ref` is the command's id or the delivery's."""

    origin: str
    ref: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A command as the bus remembers it, for its repeats."""

    command_id: str
    ticket_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A clock of a ticket: when it falls or fell due (None while it stands or is kept), and which breaches hold.

    Each of `told` is when the breach happened, and when the promise fell due by the events before it.
    """

    ticket_id: str
    clock: str
    due_at: float | None
    told: tuple[tuple[float, float | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a handler is behind on a partition, and why it stands still, if it does."""

    handler: str
    partition: int
    lag: int
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """All that a bus holds at one moment of quiet; `read_at` is Unix time.

    `tellers`: a target that got an event, its ticket, and the one command by which it may tell what came of it.
    """

    read_at: float
    dedupe_window_s: float
    stored: tuple[Stored, ...] = ()
    logged: tuple[Logged, ...] = ()
    letters: tuple[Letter, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    promises: tuple[Promise, ...] = ()
    standing: tuple[Standing, ...] = ()
    misfolded: tuple[str, ...] = ()
    tellers: frozenset[tuple[str, str, str]] = frozenset()


async def quiet(bus: Bus, *, within_s: float = 30) -> float:
    """Wait until nothing waits any more and nothing is behind; gives the seconds it took, `within_s` if it never was.

    It does not raise, and does not wait for a handler that stopped: what is behind then is for the checker to find.
    """
    began, before = time.monotonic(), (-1, -1, -1)
    async with bus.core() as core, open_reader(bus.settings) as reader:
        while (taken := time.monotonic() - began) < within_s:
            try:
                now = await _waiting(core, reader)
            except BusError:  # a part is still coming back
                now = (-1, -1, -1)
            if now == before and now[1:] == (0, 0):
                return taken
            before = now
            await sleep(0.2)
    return within_s


async def read_effects(bus: Bus) -> Effects:
    """Read the stores of a bus that is quiet. Raises BusError when a store is away.

    The clocks of tickets go on: what is read of both stores is of a moment in which nothing came and nothing waited, or
    of the last that there was.
    """
    async with bus.core() as core, open_reader(bus.settings) as reader:
        until = time.monotonic() + MOMENT_S_MAX
        while True:
            before = await _waiting(core, reader)
            async with snapshot(core.pool) as connection:
                values = await (await connection.execute(_EVENTS)).fetchall()
                letters = await (await connection.execute(_LETTERS)).fetchall()
                commands = await (await connection.execute(_COMMANDS)).fetchall()
                delivered = await (await connection.execute(_DELIVERED)).fetchall()
            ends, standing = await ends_of(core, reader), await _standing(core, reader)
            after = await _waiting(core, reader)
            if (before == after and before[1:] == (0, 0)) or time.monotonic() > until:
                break
        events = [(core.codec.decode(value), value) for (value,) in values]
        return Effects(
            read_at=time.time(),
            dedupe_window_s=bus.settings.dedupe_window.total_seconds(),
            stored=tuple(_stored(one, value, core) for one, value in events),
            logged=tuple(await logged_until(reader, ends)),
            letters=tuple(Letter(origin=origin, ref=ref, code=code) for origin, ref, code in letters),
            remembered=tuple(Remembered(command_id=c, ticket_id=t, version=v) for c, t, v in commands),
            promises=tuple(promises(one for one, _ in events)),
            standing=tuple(standing),
            misfolded=tuple(await _misfolded(core, reader)),
            tellers=frozenset((t, i, str(command_id(t, answer_key(e, t)))) for t, i, e in delivered),
        )


def promises(events: Iterable[Recorded]) -> Iterable[Promise]:
    """Fold events, in order per ticket, into what was promised and what was told of it. Pure."""
    tickets: dict[str, Ticket] = {}
    told: dict[tuple[str, ClockName], list[tuple[float, float | None]]] = {}
    for one in events:
        before = tickets.get(one.ticket_id)
        if isinstance(one.event, SlaBreached) and before is not None:
            due = due_at(clock_of(before, one.event.clock))
            when = one.occurred_at.timestamp()
            told.setdefault((one.ticket_id, one.event.clock), []).append((when, _unix(due)))
        elif isinstance(one.event, SlaBreachWithdrawn):
            told[one.ticket_id, one.event.clock].pop()
        tickets[one.ticket_id] = evolve(before, one)
    for ticket_id, ticket in tickets.items():
        for name in ClockName if not ticket.historic else ():
            clock = clock_of(ticket, name)
            due = clock.breached_at or due_at(clock)
            all_told = tuple(told.get((ticket_id, name), ()))
            yield Promise(ticket_id=ticket_id, clock=name.value, due_at=_unix(due), told=all_told)


def answer_key(event_id: EventId, target: str) -> str:
    """Give the key under which a target tells what came of an event."""
    return f"{delivery_key(event_id, target)}-0"


def _unix(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _stored(one: Recorded, value: bytes, core: Core) -> Stored:
    opened = one.event if isinstance(one.event, TicketOpened) else None
    namespace = core.settings.namespace
    return Stored(
        ticket_id=one.ticket_id,
        version=one.version,
        event_id=str(one.event_id),
        ce_type=BY_CLASS[type(one.event)].ce_type,
        command_id=str(one.command_id),
        occurred_at=one.occurred_at.timestamp(),
        recorded_at=one.recorded_at.timestamp(),
        digest=digest(value),
        topics=tuple(physical(namespace, name) for name in core.contract.destinations(one)),
        own=one.actor == BUS,
        incident=":".join(key_name(opened)) if opened and not one.historic else "",
        source=one.source,
    )


async def _waiting(core: Core, reader: RangeReader) -> tuple[int, int, int]:
    """Count events, what is not published yet, and how much handlers and targets are behind that did not stop."""
    behind = sum(abs(one.lag) for one in await _standing(core, reader) if not one.failure)
    async with snapshot(core.pool) as connection:
        ((events, unpublished, undelivered),) = await (await connection.execute(_WAITING)).fetchall()
    return events, unpublished, behind + undelivered


async def _standing(core: Core, reader: RangeReader) -> Sequence[Standing]:
    """Tell how far every handler is; one that never began on a partition stands at its beginning."""
    namespace, topics = core.settings.namespace, core.contract.topics
    expected = [(name, model.topic) for name, model in READ_MODELS.items()]
    expected += [(INTAKE_HANDLER, INTAKE), (COMMANDS_HANDLER, COMMANDS)]
    places = {(h, p): (physical(namespace, t), 0, "") for h, t in expected for p in range(topics[t].partitions)}
    async with snapshot(core.pool) as connection:
        for row in await positions(connection):
            places[row.handler, row.partition] = (row.topic, row.next_offset, row.failure or "")
    ends = {
        topic: await reader.ends(topic, {p for (_, p), place in places.items() if place[0] == topic})
        for topic in {topic for topic, _, _ in places.values()}
    }
    return [
        Standing(handler=handler, partition=partition, lag=ends[topic][partition] - at, failure=failure)
        for (handler, partition), (topic, at, failure) in sorted(places.items())
    ]


async def _misfolded(core: Core, reader: RangeReader) -> list[str]:
    """Build every read model again and name what differs."""
    found, url = list[str](), require(core.settings, "database_url")
    for name, model in READ_MODELS.items():
        try:
            tables = await verify(handler_of(model, core.codec), url=url, reader=reader)
        except BusError as error:
            found.append(f"{name}: {error}")
            continue
        found += [f"{name}.{one.table}: {one.differences[:3]}" for one in tables if not one.equal]
    return found
