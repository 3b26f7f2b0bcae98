"""Deciding a batch of requests one by one against what was loaded: pure, the same for one and for thousands."""

from collections.abc import Callable, Iterable
from datetime import datetime

from bus.domain import closure_refusals, refusals
from bus.domain.batch import (
    UNKNOWN_FINGERPRINT,
    Accepted,
    BatchDecision,
    CommandResult,
    LoadedState,
    Outcome,
    ProcessedCommand,
    Refused,
)
from bus.domain.closing_events import ClosureCodeRefused
from bus.domain.closure_proof import CODE_TRIES
from bus.domain.collaborators import check_known
from bus.domain.commands import AddEvidence, Note, OpenTicket, Request
from bus.domain.decide import decide, join_ticket, open_ticket
from bus.domain.dedupe import happened_at, ticket_of_report
from bus.domain.errors import CommandRefused
from bus.domain.events import Event, Recorded, TicketAssigned
from bus.domain.evolve import evolve
from bus.domain.hand_over import given_back
from bus.domain.knowledge import check_links
from bus.domain.named_files import check_files
from bus.domain.practice import check_practice
from bus.domain.preconditions import check_erased
from bus.domain.promise_events import SlaBreachWithdrawn
from bus.domain.rules import Rules
from bus.domain.scope import Scope
from bus.domain.sla import is_own
from bus.domain.terms import BUS, EventId, TicketId, TraceId, is_synthetic
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import (
    KeyHolder,
    TicketKey,
    customer_refs_of,
    key_name,
    phones_of,
    source_name,
    ticket_number,
)
from bus.domain.work_order_events import WorkOrderStarted


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
            elif _is_repeat(request, done) and done.answer is CommandResult.REFUSED:
                raise _code_refused(loaded.tickets.get(done.ticket_id))
            elif _is_repeat(request, done):
                outcome = _accepted(done, repeated=True)
            else:
                raise refusals.key_reused(request)
        except CommandRefused as refused:
            outcome = Refused(command_id=request.command_id, error=refused)
        settled.outcomes.append(outcome)
    return settled


def _is_repeat(request: Request, done: ProcessedCommand) -> bool:
    """Say whether a command was asked before with the same content; two versions of a map may read it differently."""
    same = done.fingerprint in {request.fingerprint, UNKNOWN_FINGERPRINT}
    return same or request.map_version != done.map_version


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
        if isinstance(event, TicketAssigned):
            loaded.staff.count(event.assignee.person, request.at)
        elif isinstance(event, WorkOrderStarted):
            loaded.templates[ticket_id] = event.template
    assert ticket is not None
    done = ProcessedCommand(
        command_id=request.command_id,
        ticket_id=ticket_id,
        trace_id=ticket.trace_id,
        fingerprint=request.fingerprint,
        answer=answer,
        version=ticket.version,
        received_at=request.received_at,
        map_version=request.map_version,
    )
    if events:
        loaded.tickets[ticket_id] = settled.tickets[ticket_id] = ticket
        loaded.done[request.command_id] = done
        settled.done.append(done)
        _learn_names(request, ticket, answer, loaded, settled)
    if answer is CommandResult.REFUSED:
        raise _code_refused(ticket)
    return _accepted(done, repeated=False)


def _code_refused(ticket: Ticket | None) -> CommandRefused:
    """Refuse a wrong code, now or when it is sent again: each try counts once."""
    return closure_refusals.wrong_code(CODE_TRIES - ticket.closure.wrong_codes if ticket and ticket.closure else 0)


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
        known_as = ticket_of_report(
            request,
            request.command,
            tickets=loaded.tickets,
            names=loaded.names,
            earlier=loaded.earlier,
            rules=rules,
        )
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
    if request.historic and not isinstance(request.command, Note) and not _opened_by(request, known):
        raise refusals.other_report(known.ticket_id)
    if request.scope and not request.scope.reaches(
        known,
        reported=_reported(request, request.scope, known, loaded),
        helping=isinstance(request.command, Note | AddEvidence),
    ):
        raise refusals.not_yours(known.ticket_id)
    try:
        check_practice(request, known)
        events = _decided_on(known, request, loaded, rules)
    except CommandRefused as refusal:
        refusal.context.setdefault("ticket_id", known.ticket_id)  # its letter is this ticket's
        raise
    refused = any(isinstance(one, ClosureCodeRefused) for one in events)
    changed = CommandResult.REFUSED if refused else CommandResult.CHANGED
    return (changed if events else CommandResult.UNCHANGED), known, events


def _decided_on(ticket: Ticket, request: Request, loaded: LoadedState, rules: Rules) -> tuple[Event, ...]:
    check_files(request.command, loaded.files)
    check_links(request.command, loaded.articles)
    events = decide(request, ticket, rules, loaded.staff, loaded.facts(ticket.ticket_id))
    check_known(request.command, loaded.people)
    return given_back(events, ticket, loaded.left)


def _opened_by(request: Request, ticket: Ticket) -> bool:
    """Say whether a ticket bears the number that its source gives in a request: a report that joined it does not."""
    return bool(request.ticket_id) or (ticket.source, ticket.source_no) == (request.source, request.source_no)


def _reported(request: Request, scope: Scope, ticket: Ticket, loaded: LoadedState) -> bool:
    """Say whether the scope's source reported on a ticket: it has an event there, or the ticket bears its number."""
    by_own_number = not request.ticket_id and request.source == scope.source
    return by_own_number or (ticket.ticket_id, scope.source) in loaded.reported


def _opening_number(request: Request, loaded: LoadedState) -> TicketId:
    assert isinstance(request.command, OpenTicket)
    return ticket_number(happened_at(request, request.command), loaded.numbers.pop(0), source=request.source)


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
    if not is_synthetic(ticket.ticket_id):  # no key and no phone leads to a virtual one
        learnt += _learn_key(request.command, known, answer, loaded, settled)
        refs = customer_refs_of(request.command, request.source) if answer is CommandResult.OPENED else set[str]()
        settled.phones.update((one, ticket.ticket_id) for one in phones_of(request.command) | refs)
    for name in learnt:
        loaded.names[name] = settled.names[name] = known


def _learn_key(
    command: OpenTicket, known: KeyHolder, answer: CommandResult, loaded: LoadedState, settled: BatchDecision
) -> list[TicketKey]:
    """Keep the older of two tickets of a key among the earlier ones; gives the key if the new one is the newest."""
    if answer is not CommandResult.OPENED:
        return []
    key = key_name(command)
    before = loaded.names.get(key)
    newest = before if before and before.opened_at > known.opened_at else known
    if before:
        other = before if newest is known else known
        loaded.earlier.setdefault(key, set()).add(other)
        settled.earlier.add((key, other))
    return [key] if newest is known else []


def _accepted(done: ProcessedCommand, *, repeated: bool) -> Accepted:
    return Accepted(
        command_id=done.command_id,
        ticket_id=done.ticket_id,
        trace_id=done.trace_id,
        answer=done.answer,
        version=done.version,
        repeated=repeated,
    )
