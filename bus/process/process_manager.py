"""A process manager: the deadlines that a ticket's state sets, and the commands wanted when one has passed. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, LiteralString
from uuid import UUID, uuid5

from bus.domain.commands import Command, Request
from bus.domain.terms import CommandId
from bus.domain.ticket import Ticket

SOURCE: Final = "bus"
ACTOR: Final = "ticketbus"
_NAMESPACE: Final = UUID("5d0f3c2e-8a44-5f0b-9c1d-7e5b1a2c9f10")  # never changes: it makes the ids of commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A deadline that had passed at `now`."""

    name: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCommand:
    """A command that a process wants; of the same `name` and `at` it is the same command, however often wanted."""

    command: Command
    name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessManager:
    """One process. Its deadlines are a function of the state alone, so that whoever keeps them can build them again.

    `deadlines` gives when each wants attention next, by name; `react` gives the commands for one that has passed, none
    where the state has moved on. `claim` leases deadlines that passed: its parameters are now, lease_until and most;
    its rows are the ticket's state as JSON text and the deadline's name. `together`: what was claimed is decided in one
    transaction; else each ticket in one of its own, that locks for this ticket alone.
    """

    name: str
    deadlines: Callable[[Ticket], Mapping[str, datetime]]
    react: Callable[[Due, Ticket], Sequence[WantedCommand]]
    claim: LiteralString
    together: bool = True


def request_of(ticket: Ticket, wanted: WantedCommand, now: datetime) -> Request:
    """Ask for a command in the bus's own name; its id follows from ticket, name and time."""
    key = f"{ticket.ticket_id}|{wanted.name}|{type(wanted.command).__name__}|{wanted.at.timestamp():.6f}"
    return Request(
        command_id=CommandId(uuid5(_NAMESPACE, key)),
        command=wanted.command,
        source=SOURCE,
        actor=ACTOR,
        at=now,
        received_at=now,
        trace_id=ticket.trace_id,
        fingerprint=sha256(key.encode()).hexdigest(),
        ticket_id=ticket.ticket_id,
    )
