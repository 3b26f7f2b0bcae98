"""A batch of requests as values: what it needs to be loaded, what was loaded, and what it came to. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bus.domain.calendars import ALWAYS_ALONE, Calendars
from bus.domain.closing_commands import RejectClosure, Reopen
from bus.domain.collaborator_commands import AddCollaborator
from bus.domain.commands import OpenTicket, Request
from bus.domain.decide_work_order import WorkOrderFacts
from bus.domain.dedupe import happened_at
from bus.domain.errors import CommandRefused
from bus.domain.events import Event, Recorded
from bus.domain.inside_commands import RouteTicket
from bus.domain.knowledge import linked_articles
from bus.domain.named_files import named_files
from bus.domain.routing import Staff
from bus.domain.rules import Rules
from bus.domain.terms import CommandId, TicketId, TraceId
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import KeyHolder, TicketKey, key_name, source_name, trace_key
from bus.domain.values import CallerTrace
from bus.domain.work_order_commands import ApproveStep, RejectStep
from bus.domain.work_template import WorkOrderTemplate

# A command restored from the log: its body is not known any more, so any body counts as the same.
UNKNOWN_FINGERPRINT = ""


class CommandResult(StrEnum):
    """What an accepted command came to."""

    OPENED = "opened"
    JOINED = "joined"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"  # what it wanted: that it was tried is all that it changed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedCommand:
    """An accepted command as it is remembered: the same id gets the same answer, another body is refused.

    `map_version`: of the source's map that made it, None where none did or where it is not known.
    """

    command_id: CommandId
    ticket_id: TicketId
    trace_id: TraceId
    fingerprint: str
    answer: CommandResult
    version: int
    received_at: datetime
    map_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The command took effect, now or (`repeated`) before; `version` is the ticket's after it."""

    command_id: CommandId
    ticket_id: TicketId
    trace_id: TraceId
    answer: CommandResult
    version: int
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The command had no effect, and why."""

    command_id: CommandId
    error: CommandRefused


Outcome = Accepted | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSet:
    """What must be loaded and locked to decide a batch; each opening that is new needs a ticket number.

    `trace_ids` are those that openings bring: one that is another ticket's is not taken over, nor by two openings at
    once: they are locked as names. `reported`: tickets and sources of which it is to be known whether the source has
    an event there. `reported_at`: by which incident key and when something happened; tickets of that key opened within
    `window` of it are wanted, beside the newest. `routes`: tickets to route and when, for whom staff is
    wanted that works then by `calendars`. `approvers`: people whose role in the directory is wanted. `taken_up`:
    tickets that may be taken up again, of which it is to be known whether who had them has left.
    """

    opening_names: tuple[TicketKey, ...]
    names: tuple[TicketKey, ...]
    ticket_ids: tuple[TicketId, ...]
    command_ids: tuple[CommandId, ...]
    openings: tuple[CommandId, ...]
    trace_ids: tuple[TraceId, ...] = ()
    reported: tuple[tuple[TicketId, str], ...] = ()
    files: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    reported_at: tuple[tuple[TicketKey, datetime], ...] = ()
    window: timedelta = timedelta()
    routes: tuple[tuple[TicketId, datetime], ...] = ()
    calendars: Calendars = ALWAYS_ALONE
    approvers: tuple[str, ...] = ()
    taken_up: tuple[TicketId, ...] = ()


@dataclass(slots=True, kw_only=True)
class LoadedState:
    """The store's answer to ReadSet; deciding works on it in place. `seal` encrypts an event's personal texts (R50).

    `names` holds the newest ticket of each, `earlier` others of an incident key that a report of the batch may join.
    `templates`: what the work orders of the tickets follow. `roles`: those of the approvers who are in the directory.
    """

    tickets: dict[TicketId, Ticket]
    names: dict[TicketKey, KeyHolder]
    done: dict[CommandId, ProcessedCommand]
    numbers: list[int]
    traces: set[TraceId] = field(default_factory=set)
    reported: set[tuple[TicketId, str]] = field(default_factory=set)
    files: Mapping[str, str] = field(default_factory=dict)
    articles: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    earlier: dict[TicketKey, set[KeyHolder]] = field(default_factory=dict)
    staff: Staff = field(default_factory=Staff)
    templates: dict[TicketId, WorkOrderTemplate] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    seal: Callable[[TicketId, Event], Event] = lambda _, event: event

    def facts(self, ticket_id: TicketId) -> WorkOrderFacts:
        """Give what deciding about the work order of a ticket needs."""
        return WorkOrderFacts(template=self.templates.get(ticket_id), roles=self.roles)


@dataclass(slots=True, kw_only=True)
class BatchDecision:
    """What a decided batch changes: to be appended in one transaction. Outcomes stand in the order of the requests."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[Recorded] = field(default_factory=list)
    tickets: dict[TicketId, Ticket] = field(default_factory=dict)
    names: dict[TicketKey, KeyHolder] = field(default_factory=dict)
    earlier: set[tuple[TicketKey, KeyHolder]] = field(default_factory=set)
    phones: set[tuple[str, TicketId]] = field(default_factory=set)
    done: list[ProcessedCommand] = field(default_factory=list)
    traces: dict[TicketId, CallerTrace] = field(default_factory=dict)


def wanted(requests: Sequence[Request], rules: Rules) -> ReadSet:
    """Say what a batch needs, each sorted, so that two batches lock in one order and cannot deadlock."""
    reported_at = set[tuple[TicketKey, datetime]]()
    opening: set[TicketKey] = set()
    names: set[TicketKey] = set()
    openings: list[CommandId] = []
    traces = set[TraceId]()
    for request in requests:
        if isinstance(request.command, OpenTicket):
            openings.append(request.command_id)
            traces.add(request.trace_id)
            opening.add(trace_key(request.trace_id))
            opening.add(key_name(request.command))
            reported_at.add((key_name(request.command), happened_at(request, request.command)))
            if request.command.source_no:
                opening.add(source_name(request.source, request.command.source_no))
        elif not request.ticket_id:
            names.add(source_name(request.source, request.source_no))
    return ReadSet(
        opening_names=tuple(sorted(opening)),
        names=tuple(sorted(names - opening)),
        ticket_ids=tuple(sorted({r.ticket_id for r in requests if r.ticket_id})),
        command_ids=tuple(sorted({r.command_id for r in requests})),
        openings=tuple(openings),
        trace_ids=tuple(sorted(traces)),
        files=tuple(sorted({sha256 for request in requests for sha256 in named_files(request.command)})),
        people=tuple(sorted({r.command.person for r in requests if isinstance(r.command, AddCollaborator)})),
        articles=tuple(sorted({one for request in requests for one in linked_articles(request.command)})),
        reported=tuple(
            sorted({(r.ticket_id, r.scope.source) for r in requests if r.ticket_id and r.scope and r.scope.source})
        ),
        reported_at=tuple(sorted(reported_at)),
        window=rules.dedupe_window,
        calendars=rules.calendars,
        approvers=tuple(sorted({r.actor for r in requests if isinstance(r.command, ApproveStep | RejectStep)})),
        taken_up=tuple(
            sorted(
                {
                    r.ticket_id
                    for r in requests
                    if r.ticket_id and isinstance(r.command, Reopen | RejectClosure) and not r.historic
                }
            )
        ),
        routes=tuple(
            sorted((r.ticket_id, r.at) for r in requests if r.ticket_id and isinstance(r.command, RouteTicket))
        ),
    )
