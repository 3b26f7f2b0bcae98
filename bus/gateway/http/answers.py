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
    """What a command came to; a report that joined a ticket gets that ticket's number.

    `customer_link`: of an opening that asked for it; empty: the ticket is another source's, or there is no page.
    """

    ticket_id: str
    master: str
    answer: str
    version: int
    trace_id: str
    customer_link: NotRequired[str]


class RefusedCommand(TypedDict):
    """A command of a delivery that was refused; it is kept with the reason."""

    answer: Literal["refused"]
    code: str
    field: str


class DeliveryAnswer(TypedDict):
    """What the commands of a webhook delivery came to, in order; `ignored` names fields that nobody reads here.

    `map_version`: which version of the source's map translated it, where it is plugged in by one.
    A delivery of a type that nobody knows is taken without effect: `answer` says so, `code` to `nearest` why.
    """

    delivery_id: str
    results: list[CommandAnswer | RefusedCommand]
    map_version: NotRequired[int]
    ignored: NotRequired[list[str]]
    answer: NotRequired[Literal["ignored"]]
    code: NotRequired[str]
    field: NotRequired[str]
    detail: NotRequired[str]
    detail_en: NotRequired[str]
    nearest: NotRequired[str]


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
    """A promise: its length in seconds, the calendar that it counts in (null: around the clock), when it falls due.

    `stands_until`: when it runs on although the ticket is paused; `due_at` is then if the pause goes on.
    """

    limit_s: int
    calendar: str | None
    running: bool
    stands_until: datetime | None
    due_at: datetime | None
    warned: bool
    breached_at: datetime | None
    settled_at: datetime | None


class ClockStretch(TypedDict):
    """A time of a ticket's life, whether it counts towards the promise, and why."""

    since: datetime
    until: datetime
    counts: bool
    seconds: float
    why: str
    why_en: str


class ClockAnswer(TypedDict):
    """A clock with its time until now: `counted_s` of all, `stretches` the latest 500; `omitted` stand before them."""

    clock: str
    limit_s: int
    calendar: str | None
    zone: str | None
    counted_s: float
    due_at: datetime | None
    breached_at: datetime | None
    settled_at: datetime | None
    omitted: int
    stretches: list[ClockStretch]


class NextStep(TypedDict):
    """The step that is next, by the command that takes it; `due_at` is null while its clock stands, or without one.

    `resolve` is due by the promise of resolution.
    """

    step: str
    step_zh: str
    due_at: datetime | None
    overdue: bool


class ClocksAnswer(TypedDict):
    """Both clocks of a ticket, and its next step."""

    ticket_id: str
    clocks: list[ClockAnswer]
    next_step: NextStep | None


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

    priority: str
    customer: Customer
    product: str
    batch: str
    customer_ref: str
    accepted_at: datetime | None
    closure_requested: bool
    photos: tuple[str, ...]
    files: NotRequired[list[FileAnswer]]
    summary: str
    tags: tuple[str, ...]
    sla: Promises
    next_step: NextStep | None


class TicketPage(TypedDict):
    """Tickets, newest number first; `next` is the cursor of the following page, null on the last."""

    tickets: list[TicketRow]
    next: str | None


class EventPage(TypedDict):
    """Events in order of version; `next` is the cursor of the following page, null on the last."""

    ticket_id: str
    events: list[EventAnswer]
    next: str | None


class TopicAnswer(TypedDict):
    """A topic of the contract; `retention` is an ISO 8601 duration, null for ever."""

    name: str
    about: str
    key: str
    partitions: int
    retention: str | None
    compacted: bool
    events: Literal["all"] | list[str]
    event_types: list[str]
    records: Literal["commands"] | list[str]
    historic: bool
    synthetic: Literal["none", "also", "only"]
    writers: list[str]
    readers: list[str]
    public: bool
    irregular: bool
    open: bool
    why: str
