"""The one contract of every outbound adapter: what it is asked, what it answers, and how it may fail.

Duties of an adapter
1. `send` makes the other system take one event. What it returns has happened there, and is on the other side to stay.
2. It judges the body, not the status alone: an HTTP 200 that tells of a failure is a failure.
3. Every way to fail is a `DeliveryFailed` of one `FailureKind`; the kind says what is known about the effect, never
   what a message reads. Whatever the other side answers, no other exception leaves it but CancelledError.
4. It carries `call.key`, stable for ever, wherever the other side has room for it: as an idempotency key, or as the
   number of the document that it makes.
5. A system that repeats an effect when it is asked twice is `idempotent = False`: then, after a failure that left the
   effect unknown, `confirm` is asked before `send`. `confirm` looks and changes nothing. One whose look-up shows an
   effect only some time after it says so by `lookup_settles_s` (LaggingTarget).
6. It holds to `call.within_s` by itself, connecting and reading included, and keeps few connections.
7. It logs no personal data, no secret and no body, and raises none but in `DeliveryFailed.message`: there stand the
   other side's own words as they came, but for secrets of ours that they repeat. They are masked and cut before they
   are stored (`bus.delivery.vendor_words`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Protocol, runtime_checkable
from uuid import UUID, uuid5

from bus.domain.commands import Command
from bus.domain.errors import BusError
from bus.domain.events import Recorded
from bus.domain.terms import EventId
from bus.domain.text import Text
from bus.domain.ticket import Ticket

_KEYS = UUID("c7b0a3de-2f64-5e0c-9a35-7d1f4b8e6a02")


class FailureKind(StrEnum):
    """What is known after a failure. The first four may pass by themselves; `GONE` pauses the target."""

    UNREACHABLE = "unreachable"  # nothing was sent: refused, no route, no name
    UNAVAILABLE = "unavailable"  # it answered that it cannot now, and did nothing: 502, 503, disk full
    THROTTLED = "throttled"  # it wants fewer calls; did nothing
    UNKNOWN = "unknown"  # sent, and no answer that can be believed: time-out, cut, 500; it may have happened
    UNAUTHORIZED = "unauthorized"  # the credentials are not taken; the same for every call until somebody mends them
    REJECTED = "rejected"  # it understood and says no: a rule of its own, a missing master record
    GONE = "gone"  # it wants no more calls, whatever the event; nothing was done
    UNTRANSLATABLE = "untranslatable"  # this event has no form there; nothing was sent

    def of(self, *, changes: bool) -> "FailureKind":
        """Give the kind for a request that changes something, or nothing: of what changes nothing no effect is open."""
        return FailureKind.UNAVAILABLE if self is FailureKind.UNKNOWN and not changes else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One event for one target; `key` is the same at every attempt, `within_s` the time for this attempt.

    `mended`: it is a copy that people changed for this target; the log has it otherwise. `copy_key`: that copy's own
    key, the same at every attempt, for a receiver that drops a key which it knows; empty where it is none.
    `unsure_since`: since when an earlier attempt may have taken effect; None where none may have.
    """

    event: Recorded
    key: str
    attempt: int
    within_s: float
    traceparent: str
    mended: bool = False
    copy_key: str = ""
    tracestate: str = ""
    unsure_since: datetime | None = None

    @property
    def trace_headers(self) -> dict[str, str]:
        """Give the W3C trace context as the headers of a call."""
        return {"traceparent": self.traceparent} | ({"tracestate": self.tracestate} if self.tracestate else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What took effect: the target's own reference, and the commands that it sends back.

    `discarded`: nothing did and nothing is to, and why; the delivery ends as discarded, and is no failure.
    """

    reference: str = ""
    commands: Sequence[Command] = field(default=())
    discarded: str = ""


class DeliveryFailed(BusError):
    """A call that failed. `code` is the other side's own, `retry_after_s` what it asked for.

    `detail` is the adapter's: the same for all calls that failed alike. `message` is what the other side said of this
    one, not masked; neither logged nor part of the exception's text.
    """

    def __init__(
        self,
        kind: FailureKind,
        detail: str | Text,
        *,
        status: int | None = None,
        code: str = "",
        message: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail, self.message = kind, str(detail), message
        self.status, self.code, self.retry_after_s = status, code, retry_after_s

    def again(self, *, kind: FailureKind | None = None, detail: str = "") -> "DeliveryFailed":
        """Copy it, for another call that shares its outcome or with what more is known: an exception belongs to one."""
        return DeliveryFailed(
            kind or self.kind,
            detail or self.detail,
            status=self.status,
            code=self.code,
            message=self.message,
            retry_after_s=self.retry_after_s,
        )


class DeliveryPostponed(BusError):
    """Not to be done before `until` (aware), for `why`: nothing was sent, and it is no failure of anybody's.

    What follows for the ticket and target waits behind it. No attempt is counted.
    """

    def __init__(self, until: datetime, why: Text) -> None:
        super().__init__(f"{why} until {until.isoformat()}")
        self.until, self.why = until, why


class Target(Protocol):
    """A system that events are delivered to."""

    idempotent: bool

    async def send(self, call: Call) -> Effect:
        """Deliver the event. Raises DeliveryFailed, DeliveryPostponed."""

    async def confirm(self, call: Call) -> Effect | None:
        """Look whether an earlier attempt took effect; None when it did not. Raises DeliveryFailed."""

    async def close(self) -> None:
        """Close connections; idempotent."""


@runtime_checkable
class ProbedTarget(Protocol):
    """A target that can also be asked whether it is there for us, by a login and a read; optional."""

    async def probe(self, within_s: float) -> None:
        """Log in and read, and write nothing. Raises DeliveryFailed."""


@runtime_checkable
class LaggingTarget(Protocol):
    """A target whose look-up may find nothing though the effect is there; optional.

    Only a look-up that finds nothing `lookup_settles_s` after another one, with nothing sent between them, lets `send`
    be called again.
    """

    lookup_settles_s: float


@runtime_checkable
class PreviewedTarget(Protocol):
    """A target that can show what it would send for an event, and sends nothing; optional."""

    def preview(self, call: Call, ticket: Ticket) -> str:
        """Write the request for people, without its proof; empty where none is made. Raises DeliveryFailed."""
        ...


def copy_key(key: str, value: bytes) -> str:
    """Derive the key of a mended copy from its record's bytes: a receiver that knows `key` must not drop the copy."""
    return str(uuid5(_KEYS, f"{key}|{sha256(value).hexdigest()}"))


def delivery_key(event_id: EventId, target: str) -> str:
    """Derive the idempotency key of an event for a target: the same at every attempt, replay and redrive."""
    return str(uuid5(_KEYS, f"{target}|{event_id}"))
