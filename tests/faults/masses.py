"""Many live tickets at once, dispatched past the doors, and written into the history as if a client had asked."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

from bus.domain.batch import Accepted
from bus.domain.commands import Command, OpenTicket, Request, RequestParts, Start
from bus.domain.naming import kebab
from bus.domain.terms import CommandId, KeyKind, TicketId, TraceId
from bus.domain.values import IncidentKey, Part
from bus.intake.dispatch import Dispatcher
from tests.bus_under_test import Bus
from tests.domain.people import ASSIGN
from tests.faults.history import Channel, History, Kind, Op

BATCH = 500
NAME = "masses"


def asks_for(part_no: str, request_no: str = "PR-1") -> RequestParts:
    """Ask for one part."""
    return RequestParts(parts=(Part(part_no=part_no, quantity=1),), request_no=request_no, reason="烧毁")


@dataclass(frozen=True, slots=True, kw_only=True)
class Masses:
    """Gives commands in large batches; all of them must be accepted."""

    dispatcher: Dispatcher
    history: History

    async def open(self, count: int) -> list[TicketId]:
        """Open so many tickets, each about something of its own."""
        made = list[TicketId]()
        while len(made) < count:
            made += await self.dispatch([(None, _opening()) for _ in range(min(BATCH, count - len(made)))])
        return made

    async def work(self, count: int) -> list[TicketId]:
        """Open so many tickets and begin work on each, so that it may ask for parts."""
        tickets = await self.open(count)
        await self.give(tickets, ASSIGN, Start())
        return tickets

    async def give(self, tickets: Sequence[TicketId], *commands: Command) -> None:
        """Give each of the tickets these commands, in turn."""
        for start in range(0, len(tickets), BATCH):
            for command in commands:
                await self.dispatch([(ticket, command) for ticket in tickets[start : start + BATCH]])

    async def dispatch(self, wanted: Sequence[tuple[TicketId | None, Command]]) -> list[TicketId]:
        """Give commands in one batch; answers the tickets."""
        requests = [_request(ticket, command) for ticket, command in wanted]
        tickets = list[TicketId]()
        for request, outcome in zip(requests, await self.dispatcher.dispatch(requests), strict=True):
            assert isinstance(outcome, Accepted), outcome
            op, said = _op(request), outcome.answer.value
            self.history.add(op)
            self.history.add(
                replace(op, kind=Kind.OK, answer=said, ticket_id=outcome.ticket_id, version=outcome.version)
            )
            tickets.append(outcome.ticket_id)
        return tickets


@asynccontextmanager
async def masses(bus: Bus, history: History) -> AsyncIterator[Masses]:
    """Dispatch in this process, on the bus's own stores."""
    async with bus.core() as core:
        yield Masses(dispatcher=core.dispatcher, history=history)


def _opening() -> OpenTicket:
    key = IncidentKey(kind=KeyKind.SERIAL, value=f"SN-{uuid4().hex[:12]}")
    return OpenTicket(incident_key=key, title="冰箱不制冷", type="hardware_fault", region="华东")


def _request(ticket: TicketId | None, command: Command) -> Request:
    now, number = datetime.now(UTC), uuid4()
    return Request(
        command_id=CommandId(number),
        command=command,
        source=NAME,
        actor=NAME,
        at=now,
        received_at=now,
        trace_id=TraceId(number.hex),
        fingerprint=sha256(repr(command).encode()).hexdigest(),
        ticket_id=ticket,
    )


def _op(request: Request) -> Op:
    number = str(request.command_id)
    return Op(
        process=NAME,
        kind=Kind.INVOKE,
        channel=Channel.DISPATCH,
        action=kebab(type(request.command)),
        key=number,
        command_id=number,
        at=time.monotonic(),
    )
