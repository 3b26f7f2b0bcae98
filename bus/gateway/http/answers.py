"""What the gateway answers, as types for its description; tests hold every answer that they get against them."""

from datetime import datetime
from typing import Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from bus.domain.terms import State
from bus.domain.values import Customer, IncidentKey
from bus.gateway.http.event_answers import EventAnswer


@with_config(ConfigDict(extra="allow"))
class Problem(TypedDict):
    """What went wrong (RFC 9457): a stable code, the field at fault, and what to do, in Chinese and English.

    `nearest` is a known word that may have been meant; other fields are the code's own.
    """

    type: str
    title: str
    status: int
    code: str
    field: str
    detail: str
    detail_en: str
    trace_id: str
    ticket_trace_id: NotRequired[str]
    nearest: NotRequired[str | None]


class CommandAnswer(TypedDict):
    """What a command came to; a report that joined a ticket gets that ticket's number."""

    ticket_id: str
    master: str
    answer: str
    version: int
    trace_id: str


class SpooledAnswer(TypedDict):
    """A request that waits on Kafka for PostgreSQL, and takes effect once."""

    answer: Literal["spooled"]
    delivery_id: str
    trace_id: str


class Responsibility(TypedDict):
    """Who did what last (R8).

    `last_at`: when `last_action` happened, by the ticket's own time, which never runs back.
    """

    creator: str
    assigner: str
    handler: str
    last_at: datetime | None
    last_action: str


class PromiseClock(TypedDict):
    """A promise: its length in seconds, and when it falls due."""

    limit_s: int
    running: bool
    due_at: datetime | None
    warned: bool
    breached_at: datetime | None
    settled_at: datetime | None


class Promises(TypedDict):
    """The two promises of a ticket."""

    first_response: PromiseClock
    resolution: PromiseClock


class TicketHead(TypedDict):
    """What a ticket and a row of a list have in common."""

    ticket_id: str
    source: str
    source_no: str
    incident_key: IncidentKey
    title: str
    type: str
    region: str
    serial: str
    state: State
    state_zh: str
    substate: str | None
    paused: bool
    waiting_for: str | None
    assignee: str
    opened_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None
    root_cause: str
    reports: int
    pauses: int
    reassignments: int
    reopens: int
    asked: int
    historic: bool
    responsibility: Responsibility
    version: int
    trace_id: str


class TicketRow(TicketHead):
    """A ticket in a list, from the read model."""


class FileAnswer(TypedDict):
    """An uploaded file: `uri` names it in evidence for good, `url` is read until `expires_at`; `size` in bytes."""

    uri: str
    sha256: str
    size: int
    media_type: str
    uploaded_at: datetime
    url: str
    expires_at: datetime


class TicketAnswer(TicketHead):
    """A ticket as committed."""

    customer: Customer
    accepted_at: datetime | None
    closure_requested: bool
    photos: tuple[str, ...]
    files: NotRequired[list[FileAnswer]]
    summary: str
    sla: Promises


class TicketPage(TypedDict):
    """Tickets, newest number first; `next` is the cursor of the following page, null on the last."""

    tickets: list[TicketRow]
    next: str | None


class EventPage(TypedDict):
    """Events in order of version; `next` is the cursor of the following page, null on the last."""

    ticket_id: str
    events: list[EventAnswer]
    next: str | None


class HopAnswer(TypedDict):
    """A step of an event's way: when, and how long after the step that it followed. What follows is of deliveries."""

    hop: str
    where: str
    at: datetime | None
    lag_ms: float | None
    attempts: NotRequired[int | None]
    next_at: NotRequired[datetime | None]
    kind: NotRequired[str | None]
    status: NotRequired[int]
    detail: NotRequired[str]
    message: NotRequired[str]
    reference: NotRequired[str]
    why: NotRequired[str]
    behind: NotRequired[int | None]
    letter: NotRequired[int | None]


class JourneyEvent(TypedDict):
    """An event of a journey, with its hops."""

    version: int
    event_type: str
    event_id: str
    actor: str
    source: str
    historic: bool
    implied: bool
    waived: list[str]
    hops: list[HopAnswer]


class ExpectedAnswer(TypedDict):
    """A hop that is missing (`missed`), is due later (`pending`), or came after `due_at` (`late`)."""

    expectation: str
    version: int
    hop: str
    where: str
    state: str
    due_at: datetime
    at: datetime | None
    late_ms: float | None


class RefusalAnswer(TypedDict):
    """Input about the ticket that was refused."""

    code: str
    field: str
    detail: str
    detail_en: str
    origin: str
    at: datetime
    times: int


class DecisionAnswer(TypedDict):
    """What a person decided about a dead letter."""

    decision: str
    by: str
    why: str
    at: datetime
    redrive: int | None


class JourneyLetter(TypedDict):
    """A dead letter of the ticket; free text is masked. `version`, `event` and `message` are those of a delivery."""

    number: int
    origin: str
    ticket_id: str | None
    version: int | None
    event: str | None
    state: str
    reason: str
    kind: str
    detail: str
    message: str | None
    attempts: int
    died_at: datetime
    edited_from: int | None
    decisions: list[DecisionAnswer]


class VerdictLine(TypedDict):
    """Where a ticket is stuck and what to do next.

    `hop`: the one that is missing, `where`: at which handler, target, topic. `versions`: those that wait. `evidence`:
    what was read, by cause. `next`: the command that mends it or shows more, empty where the bus goes on by itself.
    """

    cause: str
    hop: str
    where: str
    owner: str
    versions: list[int]
    evidence: dict[str, object]
    next: str
    zh: str
    en: str


class TimeCharged(TypedDict):
    """Seconds that a ticket waited for each party, and their sum: the time that it was not closed."""

    bus: float
    source: float
    target: float
    engineer: float
    customer: float
    parts: float
    total: float


class JourneyAnswer(TypedDict):
    """A ticket's way, found by any of its names; all but letters and verdict is null where no ticket is known.

    `time` stands on the first page alone.
    """

    ticket_id: str | None
    trace_id: str
    source: str | None
    source_no: str | None
    title: str | None
    state: State | None
    state_zh: str | None
    version: int | None
    opened_at: datetime | None
    also: list[str]
    events: list[JourneyEvent]
    expected: list[ExpectedAnswer]
    refusals: list[RefusalAnswer]
    letters: list[JourneyLetter]
    verdict: list[VerdictLine]
    time: TimeCharged | None
    next: str | None
