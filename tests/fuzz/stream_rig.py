"""A bus whose gateway is a real process, writing that goes on beside a test, and what the process holds meanwhile."""

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import psutil

from bus.app import Core
from bus.domain.commands import Command, Note, OpenTicket, Request
from bus.domain.terms import CommandId, KeyKind, TicketId, TraceId
from bus.domain.values import IncidentKey
from bus.intake.dispatch import utc_now
from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on

FILES_MAX = 8192
READY_S_MAX = 180.0  # a machine that others use as well starts a program slowly
TICKETS = 20
TROUBLE = ("Traceback", '"exception"', "a task of the gateway failed", "Fatal error", "never retrieved")

Named = tuple[str, int]
"""An event by its ticket and version."""


@contextmanager
def many_files() -> Iterator[None]:
    """Let this process, and what it starts meanwhile, open enough sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(FILES_MAX, hard)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def gateway_on(parts: Urls, folder: Path) -> Iterator[Bus]:
    """Start a gateway of a bus of its own; afterwards it must stop as it should and have logged no trouble."""
    with many_files(), bus_on(parts, folder) as bus:
        bus.start("gateway")
        _await_ready(bus)
        yield bus
        assert bus.stop("gateway") == 0, bus.log_of("gateway")[-2000:]
        assert_calm(bus)


def _await_ready(bus: Bus) -> None:
    until = time.monotonic() + READY_S_MAX
    with httpx2.Client(base_url=bus.url, trust_env=False) as http:
        while time.monotonic() < until and bus.processes["gateway"].poll() is None:
            with contextlib.suppress(httpx2.TransportError):
                if http.get("/readyz").status_code == 200:
                    return
            time.sleep(0.1)
    raise AssertionError(f"ended, or not ready within {READY_S_MAX} s: {bus.log_of('gateway')[-2000:]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The gateway's process as the machine sees it."""

    seen: psutil.Process

    @property
    def megabytes(self) -> float:
        """What it holds in memory."""
        return float(self.seen.memory_info().rss) / 2**20

    @property
    def cpu_s(self) -> float:
        """The time that it has worked."""
        times = self.seen.cpu_times()
        return float(times.user + times.system)

    @property
    def files(self) -> int:
        """How many files and sockets it has open."""
        return int(self.seen.num_fds())

    def peers(self) -> set[int]:
        """Whom it is connected with, by their ports."""
        return {one.raddr.port for one in self.seen.net_connections("tcp") if one.status != psutil.CONN_LISTEN}


def gateway_of(bus: Bus) -> Process:
    """Look at the gateway's process."""
    return Process(seen=psutil.Process(bus.processes["gateway"].pid))


def assert_calm(bus: Bus) -> None:
    """Assert that the gateway has logged no stack trace and nothing that the loop had to catch."""
    log = bus.log_of("gateway")
    for word in TROUBLE:
        at = log.find(word)
        assert at < 0, f"{word}: {log[max(0, at - 1500) : at + 3000]}"


def named(text: bytes) -> Named | str:
    """Name the event that a frame tells, or the frame's kind."""
    told = orjson.loads(text)
    return (told["ce"]["subject"], told["ticket_version"]) if told["kind"] == "event" else str(told["kind"])


def with_cursor(text: bytes) -> tuple[Named | str, str]:
    """Name a frame, with its cursor."""
    return named(text), orjson.loads(text)["cursor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Notes on tickets: each is an event of `ticket.events`."""

    core: Core
    tickets: Sequence[TicketId]

    async def note(self, text: str = "x" * 100) -> None:
        """Note on every ticket once, in one transaction."""
        await self.core.dispatcher.dispatch([_request(Note(text=text), ticket) for ticket in self.tickets])

    async def note_for_ever(self, every_s: float) -> None:
        """Note on every ticket again and again; all of them every `every_s`."""
        while True:
            _, _ = await asyncio.gather(self.note(), asyncio.sleep(every_s))


@asynccontextmanager
async def writing(bus: Bus, tickets: int = TICKETS) -> AsyncIterator[Writing]:
    """Open tickets, straight through dispatch, and wait until the relay has published them."""
    async with bus.core() as core:
        await core.dispatcher.dispatch([_request(_opening()) for _ in range(tickets)])
        await until_published(bus)
        found = bus.query("select ticket_id from events where version = 1 order by ticket_id desc limit %s", tickets)
        yield Writing(core=core, tickets=[TicketId(row[0]) for row in found])


async def until_published(bus: Bus, within_s: float = 120) -> None:
    """Wait until no row of the outbox waits."""

    def waiting() -> int:
        return int(bus.query("select count(*) from outbox where published_at is null")[0][0])

    async with asyncio.timeout(within_s):
        while await asyncio.to_thread(waiting):
            await asyncio.sleep(0.1)


@asynccontextmanager
async def beside(work: Callable[[], Awaitable[Any]]) -> AsyncIterator["asyncio.Task[Any]"]:
    """Run work beside the block; it must not have failed by the end."""

    async def run() -> None:
        await work()

    task = asyncio.create_task(run())
    try:
        yield task
    finally:
        failed = task.done() and not task.cancelled() and task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if failed:
        raise failed


def events_of(bus: Bus) -> set[Named]:
    """Name all events that were committed: what subscribers must have had in the end."""
    return {(ticket, version) for ticket, version in bus.query("select ticket_id, version from events")}


def assert_all_once_in_order(had: Sequence[Named], wanted: set[Named]) -> None:
    """Assert that a subscriber had every event once, and each ticket's by version."""
    assert sorted(had) == sorted(wanted)
    versions: dict[str, int] = {}
    for ticket, version in had:
        assert version > versions.get(ticket, 0), (ticket, version)
        versions[ticket] = version


def _opening() -> OpenTicket:
    key = IncidentKey(kind=KeyKind.ORDER, value=uuid4().hex)
    return OpenTicket(incident_key=key, title="洗衣机漏水", type="hardware_fault")


def _request(command: Command, ticket: TicketId | None = None) -> Request:
    at = utc_now()
    return Request(
        command_id=CommandId(uuid4()), command=command, source="test", actor="test", at=at, received_at=at,
        trace_id=TraceId(uuid4().hex), fingerprint="f", ticket_id=ticket,
    )  # fmt: skip
