"""How far a practice on a virtual ticket has come, step by step, and who would have heard of it (R47). Pure."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from typing_extensions import TypedDict

from bus.domain.events import Recorded
from bus.domain.practice_steps import STEPS, PracticeStep, steps_left
from bus.domain.rules import Rules
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from schemas.catalogue import CE_TYPES
from schemas.topics import Contract


class PracticeText(TypedDict):
    """A sentence in both languages."""

    zh: str
    en: str


class PracticeStepAnswer(TypedDict):
    """A step: its command, whose it is, what happens, what is asked, what it needs, and within what time in real life.

    `leads_to` null: the state stays.
    """

    command: str
    role: str
    role_zh: str
    state: str
    about: PracticeText
    action: PracticeText
    needs: list[str]
    within_s: float | None
    leads_to: str | None
    done: bool


class UnsentEvent(TypedDict):
    """An event of a virtual ticket, and who would have got it of a real one: topics, targets of the targets file.

    `reached`: the targets that it is delivered to all the same, because their entry says `synthetic: true`.
    """

    version: int
    event_type: str
    actor: str
    occurred_at: datetime
    topics: list[str]
    targets: list[str]
    reached: list[str]


class PracticeAnswer(TypedDict):
    """How far a practice has come. `next` null: it is over. `readable`: the client reads the ticket elsewhere, too."""

    ticket_id: str
    trace_id: str
    title: str
    state: str
    state_zh: str
    steps: list[PracticeStepAnswer]
    next: str | None
    events: list[UnsentEvent]
    readable: bool


class OpenPractice(TypedDict):
    """A practice that is not over: how far it is, and whose step is next."""

    ticket_id: str
    state: str
    opened_at: datetime
    next: str
    role: str


class PracticeList(TypedDict):
    """The open practices of who asks, the newest first, 20 at most."""

    practices: list[OpenPractice]


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeSources:
    """What the routes need beside the write side; `targets` names who is to get an event.

    `open_of` gives the open practices of whoever opened them, by name, the newest first; raises StoreUnavailable.
    """

    rules: Rules
    contract: Contract
    targets: Callable[[Recorded], Sequence[str]]
    open_of: Callable[[str], Awaitable[Sequence[Ticket]]]


def practice_view(
    ticket: Ticket, events: Sequence[Recorded], sources: PracticeSources, *, readable: bool
) -> PracticeAnswer:
    """Describe a practice. Pure."""
    left = steps_left(ticket)
    return {
        "ticket_id": ticket.ticket_id,
        "trace_id": ticket.trace_id,
        "title": ticket.title,
        "state": ticket.state.value,
        "state_zh": ticket.state.zh,
        "steps": [_step(one, ticket) for one in STEPS],
        "next": left[0].name if left else None,
        "events": [_unsent(one, sources) for one in events],
        "readable": readable,
    }


def open_practices_view(tickets: Sequence[Ticket]) -> PracticeList:
    """List practices that are not over."""
    return {
        "practices": [
            {
                "ticket_id": one.ticket_id,
                "state": one.state.value,
                "opened_at": one.opened_at,
                "next": left[0].name,
                "role": left[0].role.value,
            }
            for one in tickets
            if (left := steps_left(one))
        ]
    }


def _step(step: PracticeStep, ticket: Ticket) -> PracticeStepAnswer:
    rule = step.rule
    return {
        "command": step.name,
        "role": step.role.value,
        "role_zh": step.role.zh,
        "state": step.state.value,
        "about": {"zh": step.about.zh, "en": step.about.en},
        "action": {"zh": rule.action.zh, "en": rule.action.en},
        "needs": [*rule.needs],
        "within_s": rule.within.total_seconds() if rule.within else None,
        "leads_to": rule.to.value if rule.to else None,
        "done": step.is_done(ticket),
    }


def _unsent(recorded: Recorded, sources: PracticeSources) -> UnsentEvent:
    """Describe an event beside what would become of it on a real ticket, whose number begins with T."""
    real = replace(recorded, ticket_id=TicketId(f"T{recorded.ticket_id[1:]}"))
    return {
        "version": recorded.version,
        "event_type": CE_TYPES[type(recorded.event).__name__],
        "actor": recorded.actor,
        "occurred_at": recorded.occurred_at,
        "topics": [*sources.contract.destinations(real)],
        "targets": [*sources.targets(real)],
        "reached": [*sources.targets(recorded)],
    }
