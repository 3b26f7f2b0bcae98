"""What the gateway asks of its outside, as Protocols, and the small values that pass through them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bus.commands import Request
from bus.gateway.roles import Role
from bus.records import RequestReceived
from bus.terms import State, TicketId, TraceId

Spool = Callable[[RequestReceived], Awaitable[None]]
"""Put a raw request on the intake topic, acknowledged by all replicas. Raises KafkaUnavailable."""

JourneyOf = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""Find a ticket's journey by any of its names. Raises StoreUnavailable."""

Probe = Callable[[], Awaitable[None]]
"""Touch a part; raises whatever it likes when the part is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who speaks, as proven by a token."""

    name: str
    role: Role


class Clients(Protocol):
    """Who may speak to the gateway."""

    async def find(self, token: str) -> Client | None:
        """Tell whose token this is. Raises StoreUnavailable when nobody can tell now."""
        ...


class Source(Protocol):
    """A source that sends signed webhooks: an inbound adapter as the gateway sees it. Pure."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Prove the sender and give the delivery's own id. Raises MalformedInput and nothing else."""
        ...

    def translate(
        self, *, delivery_id: str, headers: Mapping[str, str], body: bytes, received_at: datetime, trace_id: TraceId
    ) -> Sequence[Request]:
        """Say what a verified delivery wants, in order. Raises MalformedInput and nothing else."""
        ...


class TicketReader(Protocol):
    """The read model of tickets."""

    async def page(
        self, *, state: State | None, assignee: str | None, before: TicketId | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Read up to `limit` tickets, newest number first, below `before`. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """An event that was sent to a subscriber."""

    ticket_id: str
    version: int
    topic: str
    client: str
    pushed_at: datetime


class Pushes(Protocol):
    """Where pushes are noted, for the journey of a ticket."""

    def note(self, push: Push) -> None:
        """Take a push in; never blocks, never fails, keeps what its bound allows."""
        ...
