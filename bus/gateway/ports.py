"""The gateway's ports, as Protocols, and the values that pass through them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from bus.alerts.engine.alert_admin import ListedAlert
from bus.alerts.engine.outside_alerts import OutsideAlert
from bus.alerts.engine.silences import Silence
from bus.consistency.known_readers import KnownReaders
from bus.consistency.subscriptions import ListedSubscription, Subscription
from bus.consistency.topic_readers import TopicReader
from bus.delivery.rollout import Figures, RolloutState
from bus.delivery.rollout_store import ListedRollout
from bus.domain.scope import Scope
from bus.domain.terms import CommandId, State, TicketId
from bus.gateway.auth.binding import Client
from bus.gateway.http.answers import FileAnswer
from bus.gateway.routes.deadletter_requests import CheckEdit, DeadLetterRequest, ListDeadLetters, ListLetters
from bus.postgres.personal_keys import Reader
from bus.wire.rejected_input import ListedInput, ShownInput
from schemas.messages import RequestReceived

Value = TypeVar("Value")
Spool = Callable[[RequestReceived], Awaitable[None]]
"""Put a raw request on the intake topic, acknowledged by all replicas. Raises KafkaUnavailable."""

Waits = Callable[[str], Awaitable[bool]]
"""Say whether earlier deliveries of a source still wait on Kafka; its later ones then go behind them. Never raises."""


class InClear(Protocol):
    """Gives what is shown of tickets in clear (R50)."""

    async def __call__(self, items: Sequence[tuple[str, Value]], reader: Reader) -> list[Value]:
        """Open the personal texts of values, each of the ticket named; who reads is recorded.

        Raises StoreUnavailable.
        """
        ...


FilesOf = Callable[[TicketId, Reader], Awaitable[list[FileAnswer]]]
"""Give the files that a ticket's evidence names, each with a signed address; who reads is recorded.

Raises StoreUnavailable.
"""


class JourneyOf(Protocol):
    """Finds a ticket's journey by any of its names."""

    async def __call__(self, anything: str, *, after: int, most: int) -> Mapping[str, Any] | None:
        """Tell at most `most` events after a version, and which to go on after. Raises StoreUnavailable."""
        ...


Probe = Callable[[], Awaitable[None]]
"""Touch a part; raises whatever it likes when the part is away."""


class Clients(Protocol):
    """The clients of the gateway."""

    async def find(self, token: str) -> Client | None:
        """Give a token's client. Raises StoreUnavailable when that cannot be known now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketQuery:
    """A page of tickets: at most `limit`, below the number `before`; of a state, of whom it is assigned to, in scope.

    None: of any. `synthetic`: virtual tickets alone, which are on no other page.
    """

    limit: int
    before: TicketId | None = None
    state: State | None = None
    assignee: str | None = None
    scope: Scope | None = None
    synthetic: bool = False


class TicketReader(Protocol):
    """The read model of tickets."""

    async def page(self, query: TicketQuery) -> Sequence[Mapping[str, Any]]:
        """Read the tickets asked for, newest number first. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEvent:
    """An event that was sent to a subscriber."""

    ticket_id: str
    version: int
    topic: str
    client: str
    pushed_at: datetime


class SentEventLog(Protocol):
    """Where pushes are noted, for the journey of a ticket."""

    def note(self, push: SentEvent) -> None:
        """Take a push in; never blocks, never fails, keeps what its bound allows."""
        ...


class SubscriptionNotes(Protocol):
    """Where is noted who subscribes to streams, and who was refused; no method blocks or fails."""

    def refused(self, client: str, topic: str, nearest: str, host: str) -> None:
        """Take in that a client, which came from `host`, asked for an undeclared topic; `nearest` is what it meant."""
        ...

    def opened(self, client: str, topics: Sequence[str]) -> None:
        """Take in that a stream of these topics is open."""
        ...

    def closed(self, client: str, topics: Sequence[str]) -> None:
        """Take in that it has ended."""
        ...


class RejectedInputService(Protocol):
    """Shows people what had no effect."""

    async def listed(
        self, *, source: str | None, code: str | None, since: datetime | None, most: int
    ) -> Sequence[ListedInput]:
        """Give rejected input, what came last first."""
        ...

    async def one(self, number: int, reader: Reader) -> ShownInput | None:
        """Give one with its bytes, masked; that `reader` reads it is recorded. None: there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentRequest:
    """A request under an idempotency key: its client, its time and its content's fingerprint.

    `person` is whom the client's token is bound to; empty for one that is bound to nobody.
    """

    by: str
    person: str = ""
    at: datetime
    command_id: CommandId
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """What something came to; `repeated`: it was done before under the same key, and this is the answer of then."""

    content: Mapping[str, Any]
    repeated: bool


class AlertService(Protocol):
    """Alerts, silences, and the alerts of others. All of it raises StoreUnavailable."""

    async def listed(self, *, closed: bool, ticket_id: str = "") -> Sequence[ListedAlert]:
        """List what is open, of a ticket or all, the most urgent first; or what closed last."""
        ...

    async def one(self, number: int) -> ListedAlert | None:
        """Show an alert with what each channel was sent of it."""
        ...

    async def acknowledge(self, number: int, *, by: str, why: str) -> bool:
        """Note that somebody looks after an open alert. False: it is not open, or acknowledged already."""
        ...

    async def silences(self, now: datetime) -> Sequence[Silence]:
        """Read the silences that have not ended."""
        ...

    async def silence(self, rule: str, about: str, *, now: datetime, until: datetime, by: str, why: str) -> None:
        """Let nobody hear of a rule, or of it about one thing, until then; one that is there changes."""
        ...

    async def end_silence(self, number: int, *, now: datetime) -> bool:
        """End a silence before its time. False: there is none of that number."""
        ...

    async def take(self, alerts: Sequence[OutsideAlert]) -> None:
        """Keep what others' Alertmanagers say is firing or resolved. Raises OutsideFull."""
        ...


class SubscriptionService(Protocol):
    """Who reads the public topics from outside. All of it raises StoreUnavailable."""

    async def listed(self, client: str, *, removed: bool) -> Sequence[ListedSubscription]:
        """List those of a client, or of all where it is empty; removed ones where asked."""
        ...

    async def readers(self) -> Sequence[TopicReader]:
        """Give all who have been seen reading."""
        ...

    async def known(self) -> KnownReaders:
        """Give who reads, is declared to read, and uses what nobody declares, as it was seen lately."""
        ...

    async def add(self, one: Subscription, *, by: str, why: str) -> None:
        """Add a subscription that was checked. Raises CommandRefused where the client has one of that version."""
        ...

    async def remove(self, client: str, version: str, *, by: str, why: str) -> bool:
        """Mark a subscription as removed. False: there is none."""
        ...


class RolloutService(Protocol):
    """New versions of targets, step by step. All of it raises StoreUnavailable."""

    async def listed(self) -> Sequence[tuple[ListedRollout, Sequence[Figures]]]:
        """List them, the newest first; of those that run with the figures of both versions."""
        ...

    async def start(self, target: str, canary: str, *, minutes: int, events: int, by: str, why: str) -> None:
        """Begin one at the first step. Raises NoSuchTarget, NotDeclared, NotInRollout."""
        ...

    async def end(self, target: str, state: RolloutState, *, by: str, why: str) -> None:
        """End the running one of a target. Raises NotInRollout."""
        ...


class DeadLetterService(Protocol):
    """Dead letters, redrives, and the queues towards other systems. All of it raises StoreUnavailable."""

    async def groups(self, listing: ListDeadLetters) -> Sequence[Mapping[str, Any]]:
        """List the open letters by what one repair would mend."""
        ...

    async def letter(self, number: int, reader: Reader) -> Mapping[str, Any] | None:
        """Show a letter, decoded in clear and raw, with its attempts and decisions; who reads is recorded."""
        ...

    async def letters(self, listing: ListLetters) -> Mapping[str, Any]:
        """List the open letters of a cause."""
        ...

    async def check(self, asked: CheckEdit, reader: Reader) -> Mapping[str, Any]:
        """Say what an edit would change; who reads is recorded. Raises HttpProblem or CommandRefused."""
        ...

    async def redrive(self, number: int) -> Mapping[str, Any] | None:
        """Show a redrive, what is left of it, and whether two persons are asked for."""
        ...

    async def redrives(self) -> Sequence[Mapping[str, Any]]:
        """List the redrives and how far each is."""
        ...

    async def deliveries(self) -> Sequence[Mapping[str, Any]]:
        """Give the status of all targets."""
        ...

    async def act(self, asked: DeadLetterRequest, request: IdempotentRequest) -> StoredResponse:
        """Carry a request out, once per key. Raises HttpProblem or CommandRefused; then nothing is changed."""
        ...
