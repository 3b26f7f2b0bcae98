"""Messages on Kafka beside ticket events: commands, raw requests, dead letters, readings, alerts, decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

from bus.domain.commands import Command
from bus.domain.knowledge import Article, ArticleChange, ArticleState
from bus.domain.people import Person, PersonChange


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSent:
    """A command of a system that speaks Kafka itself; the broker's access list says who may write it.

    The ticket is named by `ticket_id`, or by `ticket_source_no` as `source` numbers it; OpenTicket names none.
    """

    idempotency_key: Annotated[
        str, Doc("1 to 255 visible ASCII characters; a new one per action, the same to repeat it")
    ]
    source: Annotated[str, Doc("the system, as it stands in events; its numbers are known by it")]
    actor: Annotated[str, Doc("the person or program that asks, by name")]
    at: Annotated[datetime | None, Doc("when it happened, UTC; null: when the record was written")] = None
    ticket_id: Annotated[str, Doc("the bus's number of the ticket; empty: `ticket_source_no` names it")] = ""
    ticket_source_no: Annotated[
        str, Doc("the source's number of the ticket; empty, as `ticket_id` is, to open one")
    ] = ""
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """A raw request as it came, to be dispatched when PostgreSQL is back."""

    delivery_id: Annotated[str, Doc("what the sender repeats it under: webhook-id, or Idempotency-Key")]
    source: Annotated[str, Doc("the system or client whose request it is")]
    client: Annotated[str, Doc("who proved to have sent it: the name of the source or token")]
    method: Annotated[str, Doc("the HTTP method")]
    path: Annotated[str, Doc("the request's path")]
    headers: Annotated[Mapping[str, str], Doc("the headers that its meaning depends on, by name; no credentials")]
    body: Annotated[bytes, Doc("the body as it came, at most 256 KiB")]
    received_at: Annotated[datetime, Doc("when the gateway took it, UTC")]
    trace_id: Annotated[str, Doc("the trace that the request came with or was given, 32 hex digits")]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRead:
    """A sign of life of a host, with the disk that holds the path, and free memory."""

    host: Annotated[str, Doc("the host's name, as its operating system gives it")]
    read_at: Annotated[datetime, Doc("when it was read, by the host's clock, UTC")]
    path: Annotated[str, Doc("a directory, whose disk is read")]
    disk_total_bytes: Annotated[float, Doc("size of the disk that holds `path`, without what is root's, in bytes")]
    disk_free_bytes: Annotated[float, Doc("what is free on it for programs without root, in bytes")]
    memory_free_bytes: Annotated[float, Doc("memory that programs can have without swapping, in bytes")]
    role: Annotated[str, Doc("what the host is for: broker, database, consumer, or its operator's own word")] = ""
    inodes_total: Annotated[int, Doc("how many files and directories the disk can hold; 0: it has no such limit")] = 0
    inodes_free: Annotated[int, Doc("how many more it can hold for programs without root")] = 0
    read_only: Annotated[bool, Doc("it is mounted so that nobody can write")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPosted:
    """A dead letter: a delivery that was given up, or input that had no effect."""

    letter: Annotated[int, Doc("the letter's number")]
    origin: Annotated[str, Doc("where it comes from: delivery:TARGET, webhook:SOURCE, commands and so on")]
    origin_ref: Annotated[str, Doc("which one there: ticket and version of a delivery, the sender's key of input")]
    ticket_id: Annotated[str, Doc("the bus's number of the ticket; empty: the input reached none")]
    trace_id: Annotated[str, Doc("the trace of the ticket or input, 32 hex digits")]
    event: Annotated[str, Doc("the kind of event that was delivered, as TicketAssigned; empty: no event")]
    reason: Annotated[str, Doc("why it was given up, as a code")]
    kind: Annotated[str, Doc("the kind of failure, as a code")]
    cause: Annotated[str, Doc("a digest of what failed: letters of one cause are mended by one repair")]
    detail: Annotated[str, Doc("the failure in words, at most 4,096 characters")]
    attempts: Annotated[int, Doc("how often it was tried")]
    failures: Annotated[tuple[str, ...], Doc("attempts as JSON, the first and the last; none beyond 64 KiB")]
    headers: Annotated[Mapping[str, str], Doc("the headers that it came with; none beyond 64 Ki characters")]
    value: Annotated[bytes, Doc("an event's bytes as they were, input's sealed; cut off at 680 KiB")]
    value_bytes: Annotated[int, Doc("how many bytes there were, before it was sealed and cut")]
    began_at: Annotated[datetime, Doc("when what died came about, UTC")]
    died_at: Annotated[datetime, Doc("when it was given up, UTC; also the record's timestamp")]
    edited_from: Annotated[int | None, Doc("the number of the letter that this one mends; null: none")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterDecided:
    """What somebody decided about a letter: frozen for a redrive, retried, edited or discarded."""

    letter: Annotated[int, Doc("the letter's number")]
    ticket_id: Annotated[str, Doc("the bus's number of the letter's ticket; empty: none")]
    trace_id: Annotated[str, Doc("the letter's trace, 32 hex digits")]
    decision: Annotated[str, Doc("what became of it: frozen (into a redrive), retried, edited or discarded")]
    decided_by: Annotated[str, Doc("who decided, by name")]
    decided_why: Annotated[str, Doc("why, in their words")]
    decided_at: Annotated[datetime, Doc("when, UTC; also the record's timestamp")]
    redrive: Annotated[int | None, Doc("the number of the redrive that it is part of; null: none")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFlipped:
    """What people hear of an alert: it has opened, is still open, was escalated or has closed. No personal data."""

    rule: Annotated[str, Doc("the rule's name")]
    about: Annotated[str, Doc("what it is about: a target, stage, source or host; with the rule its fingerprint")]
    severity: Annotated[str, Doc("p1, p2 or p3")]
    flip: Annotated[str, Doc("opened, reopened, repeated, escalated or closed")]
    zh: Annotated[str, Doc("what is wrong, in Chinese")]
    en: Annotated[str, Doc("what is wrong, in English")]
    mend: Annotated[str, Doc("the command that mends it; empty: none does")]
    ticket_id: Annotated[str, Doc("the ticket that it is about; empty: none")]
    trace_id: Annotated[str, Doc("the trace that it is about, 32 hex digits; empty: none")]
    opened_at: Annotated[datetime, Doc("since when it is open, UTC")]
    closed_at: Annotated[datetime | None, Doc("when it closed, UTC; null: it is open")] = None
    drill: Annotated[bool, Doc("it was made by the self-test, and nothing is wrong")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSealed:
    """The audit tree of all events as it was at one moment, signed; a witness against a rewritten PostgreSQL."""

    size: Annotated[int, Doc("how many events the tree holds")]
    note: Annotated[str, Doc("the signed checkpoint, as C2SP tlog-checkpoint spells it: origin, size, root, signature")]
    sealed_at: Annotated[datetime, Doc("when it was signed, UTC; also the record's timestamp")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged:
    """The directory of people changed: somebody was added or changed, left, or had their contact and photo erased."""

    person: Annotated[Person, Doc("the person as they stand in the directory from now on; contact and photo sealed")]
    change: Annotated[PersonChange, Doc("what became of them")]
    changed_by: Annotated[str, Doc("who decided it, by name")]
    why: Annotated[str, Doc("why, in their words; empty: nobody said")]
    changed_at: Annotated[datetime, Doc("when, UTC; also the record's timestamp")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleChanged:
    """An article of the knowledge pool has a new version: drafted, edited, filed or withdrawn. No personal data."""

    article: Annotated[Article, Doc("the article as it stands from now on")]
    version: Annotated[int, Doc("1, 2, 3 … of the article")]
    state: Annotated[ArticleState, Doc("where the article stands from now on")]
    change: Annotated[ArticleChange, Doc("what became of it")]
    changed_by: Annotated[str, Doc("who decided it, by name; `ticketbus`: a closed ticket made the draft")]
    why: Annotated[str, Doc("why, in their words; empty: nobody said")]
    changed_at: Annotated[datetime, Doc("when, UTC; also the record's timestamp")]
