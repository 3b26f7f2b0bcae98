"""Messages on Kafka beside ticket events: commands, raw requests, dead letters, host readings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bus.domain.commands import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSent:
    """A command of a system that speaks Kafka itself; the broker's access list says who may write it.

    The ticket is named by `ticket_id`, or by `ticket_source_no` as `source` numbers it; OpenTicket names none.
    `idempotency_key` is the sender's, a new one per action and the same to repeat it. `at` None: when it was written.
    """

    idempotency_key: str
    source: str
    actor: str
    at: datetime | None = None
    ticket_id: str = ""
    ticket_source_no: str = ""
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """A raw request as it came, to be dispatched when PostgreSQL is back. `client` is who proved to have sent it."""

    delivery_id: str
    source: str
    client: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRead:
    """A sign of life of a host, with the disk that holds the path, and free memory; bytes.

    `role` is what the host is for, in its operator's words.
    """

    host: str
    read_at: datetime
    path: str
    disk_total_bytes: float
    disk_free_bytes: float
    memory_free_bytes: float
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPosted:
    """A dead letter: a delivery that was given up, or input that had no effect; `letter` is its number.

    `origin` is delivery:TARGET or where input came in, `origin_ref` which one there; `value` its bytes as they were,
    cut where `value_bytes` is more; `failures` are attempts as JSON, the first and the last; `edited_from` the letter
    that it mends.
    """

    letter: int
    origin: str
    origin_ref: str
    ticket_id: str
    trace_id: str
    event: str
    reason: str
    kind: str
    cause: str
    detail: str
    attempts: int
    failures: tuple[str, ...]
    headers: Mapping[str, str]
    value: bytes
    value_bytes: int
    began_at: datetime
    died_at: datetime
    edited_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterDecided:
    """What somebody decided about a letter: frozen for a redrive, retried, edited or discarded."""

    letter: int
    ticket_id: str
    trace_id: str
    decision: str
    decided_by: str
    decided_why: str
    decided_at: datetime
    redrive: int | None = None
