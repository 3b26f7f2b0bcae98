"""Deciding a batch of requests one by one against what was loaded: pure, the same for one and for thousands."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bus.domain import refusals
from bus.domain.commands import OpenTicket, Request
from bus.domain.decide import decide, join_ticket, open_ticket
from bus.domain.dedupe import ticket_of_report
from bus.domain.errors import CommandRefused
from bus.domain.events import Event, Recorded, SlaBreachWithdrawn
from bus.domain.named_files import check_files, named_files
from bus.domain.preconditions import check_erased
from bus.domain.rules import Rules
from bus.domain.scope import Scope
from bus.domain.sla import is_own
from bus.domain.terms import BUS, CommandId, EventId, State, TicketId, TraceId
from bus.domain.ticket import Ticket, evolve
from bus.domain.ticket_keys import KeyHolder, TicketKey, key_name, phones_of, source_name, ticket_number, trace_key
from bus.domain.values import CallerTrace

# A command restored from the log: its body is not known any more, so any body counts as the same.
UNKNOWN_FINGERPRINT = ""


class CommandResult(StrEnum):
    """What an accepted command came to."""

    OPENED = "opened"
    JOINED = "joined"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedCommand:
    """An accepted command as it is remembered: the same id gets the same answer, another body is refused."""

    command_id: CommandId
    ticket_id: TicketId
    trace_id: TraceId
    fingerprint: str
    answer: CommandResult
    version: int
    received_at: datetime


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
    an event there.
    """

    opening_names: tuple[TicketKey, ...]
    names: tuple[TicketKey, ...]
    ticket_ids: tuple[TicketId, ...]
    command_ids: tuple[CommandId, ...]
    openings: tuple[CommandId, ...]
    trace_ids: tuple[TraceId, ...] = ()
    reported: tuple[tuple[TicketId, str], ...] = ()
    files: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class LoadedState:
    """The store's answer to ReadSet; deciding works on it in place. `seal` encrypts an event's personal texts (R50)."""

    tickets: dict[TicketId, Ticket]
    names: dict[TicketKey, KeyHolder]
    done: dict[CommandId, ProcessedCommand]
    numbers: list[int]
    traces: set[TraceId] = field(default_factory=set)
    reported: set[tuple[TicketId, str]] = field(default_factory=set)
    files: frozenset[str] = frozenset()
    seal: Callable[[TicketId, Event], Event] = lambda _, event: event


@dataclass(slots=True, kw_only=True)
class BatchDecision:
    """What a decided batch changes: to be appended in one transaction. Outcomes stand in the order of the requests."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[Recorded] = field(default_factory=list)
    tickets: dict[TicketId, Ticket] = field(default_factory=dict)
    names: dict[TicketKey, KeyHolder] = field(default_factory=dict)
    phones: set[tuple[str, TicketId]] = field(default_factory=set)
    done: list[ProcessedCommand] = field(default_factory=list)
    traces: dict[TicketId, CallerTrace] = field(default_factory=dict)


def wanted(requests: Sequence[Request]) -> ReadSet:
    """Say what a batch needs, each sorted, so that two batches lock in one order and cannot deadlock."""
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
        reported=tuple(
            sorted({(r.ticket_id, r.scope.source) for r in requests if r.ticket_id and r.scope and r.scope.source})
        ),
    )


def settle(
    requests: Iterable[Request],
    loaded: LoadedState,
    *,
    rules: Rules,
    recorded_at: datetime,
    new_event_id: Callable[[], EventId],
) -> BatchDecision:
    """Decide every request in order; a refusal refuses its own command alone."""
    settled = BatchDecision()
    for request in requests:
        done = loaded.done.get(request.command_id)
        outcome: Outcome
        try:
            if done is None:
                outcome = _settle_one(
                    request, loaded, settled, rules=rules, recorded_at=recorded_at, new_event_id=new_event_id
                )
            elif done.fingerprint in {request.fingerprint, UNKNOWN_FINGERPRINT}:
                outcome = _accepted(done, repeated=True)
            else:
                raise refusals.key_reused(request)
        except CommandRefused as refused:
            outcome = Refused(command_id=request.command_id, error=refused)
        settled.outcomes.append(outcome)
    return settled


def _settle_one(
    request: Request,
    loaded: LoadedState,
    settled: BatchDecision,
    *,
    rules: Rules,
    recorded_at: datetime,
    new_event_id: Callable[[], EventId],
) -> Accepted:
    answer, ticket, events = _decided(request, loaded, rules)
    if ticket:
        check_erased(ticket, events)
    ticket_id = ticket.ticket_id if ticket else _opening_number(request, loaded)
    trace_id = ticket.trace_id if ticket else _own_trace(request, loaded)
    if ticket is None and trace_id == request.trace_id:
        settled.traces[ticket_id] = request.caller_trace
    for event in events:
        own = is_own(event, request.command)
        recorded = Recorded(
            event_id=new_event_id(),
            ticket_id=ticket_id,
            version=ticket.version + 1 if ticket else 1,
            trace_id=trace_id,
            occurred_at=_occurred_at(event, request, ticket if own else None, recorded_at),
            recorded_at=recorded_at,
            source=request.source,
            actor=BUS if own else request.actor,
            command_id=request.command_id,
            historic=request.historic,
            implied=request.implied,
            waived=request.waives,
            event=loaded.seal(ticket_id, event),
        )
        ticket = evolve(ticket, recorded)
        settled.events.append(recorded)
    assert ticket is not None
    done = ProcessedCommand(
        command_id=request.command_id,
        ticket_id=ticket_id,
        trace_id=ticket.trace_id,
        fingerprint=request.fingerprint,
        answer=answer,
        version=ticket.version,
        received_at=request.received_at,
    )
    if events:
        loaded.tickets[ticket_id] = settled.tickets[ticket_id] = ticket
        loaded.done[request.command_id] = done
        settled.done.append(done)
        _learn_names(request, ticket, answer, loaded, settled)
    return _accepted(done, repeated=False)


def _occurred_at(event: Event, request: Request, ticket: Ticket | None, recorded_at: datetime) -> datetime:
    """Say when an event happened: of `ticket`, which the bus's own ones have, its time never runs backwards.

    A breach is withdrawn when the bus hears of its answer, which is after it was told.
    """
    if ticket is None:
        return request.at
    own_at = max(request.at, ticket.last_at)
    return max(own_at, recorded_at, event.due_at) if isinstance(event, SlaBreachWithdrawn) else own_at


def _decided(
    request: Request, loaded: LoadedState, rules: Rules
) -> tuple[CommandResult, Ticket | None, tuple[Event, ...]]:
    if isinstance(request.command, OpenTicket):
        known_as = ticket_of_report(request, request.command, tickets=loaded.tickets, names=loaded.names, rules=rules)
        if known_as is None:
            return CommandResult.OPENED, None, open_ticket(request, rules)
        ticket, cause = known_as
        if request.scope and request.scope.regions and ticket.region not in request.scope.regions:
            raise refusals.not_your_region()
        return CommandResult.JOINED, ticket, join_ticket(request, ticket, cause, rules)
    found = loaded.names.get(source_name(request.source, request.source_no))
    ticket_id = request.ticket_id or (found.ticket_id if found else None)
    known = loaded.tickets.get(ticket_id) if ticket_id else None
    if known is None:
        raise refusals.no_such_ticket(request)
    if request.scope and not request.scope.reaches(known, reported=_reported(request, request.scope, known, loaded)):
        raise refusals.not_yours(known.ticket_id)
    check_files(request.command, loaded.files)
    events = decide(request, known, rules)
    return (CommandResult.CHANGED if events else CommandResult.UNCHANGED), known, events


def _reported(request: Request, scope: Scope, ticket: Ticket, loaded: LoadedState) -> bool:
    """Say whether the scope's source reported on a ticket: it has an event there, or the ticket bears its number."""
    by_own_number = not request.ticket_id and request.source == scope.source
    return by_own_number or (ticket.ticket_id, scope.source) in loaded.reported


def _opening_number(request: Request, loaded: LoadedState) -> TicketId:
    assert isinstance(request.command, OpenTicket)
    return ticket_number(request.command.opened_at or request.at, loaded.numbers.pop(0))


def _own_trace(request: Request, loaded: LoadedState) -> TraceId:
    """Give a new ticket the trace it came with, unless it is another ticket's: nobody is found by another's trace."""
    trace_id = TraceId(request.command_id.hex) if request.trace_id in loaded.traces else request.trace_id
    loaded.traces.add(trace_id)
    return trace_id


def _learn_names(
    request: Request, ticket: Ticket, answer: CommandResult, loaded: LoadedState, settled: BatchDecision
) -> None:
    if not isinstance(request.command, OpenTicket):
        return
    known = KeyHolder(ticket.ticket_id, ticket.opened_at)
    learnt = [source_name(request.source, request.command.source_no)] if request.command.source_no else []
    before = loaded.names.get(key_name(request.command))
    stays = before and before.opened_at > known.opened_at and loaded.tickets[before.ticket_id].state is not State.CLOSED
    if answer is CommandResult.OPENED and not stays:
        learnt.append(key_name(request.command))
    settled.phones.update((phone, ticket.ticket_id) for phone in phones_of(request.command))
    for name in learnt:
        loaded.names[name] = settled.names[name] = known


def _accepted(done: ProcessedCommand, *, repeated: bool) -> Accepted:
    return Accepted(
        command_id=done.command_id,
        ticket_id=done.ticket_id,
        trace_id=done.trace_id,
        answer=done.answer,
        version=done.version,
        repeated=repeated,
    )
