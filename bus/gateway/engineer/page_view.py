"""What an engineer's page knows of its ticket, so that it can go on without a network: facts, steps, lists. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bus.domain.closing_commands import ConfirmClosure, RequestClosure, Resolve
from bus.domain.commands import (
    Accept,
    AddEvidence,
    Arrive,
    Command,
    Depart,
    Note,
    Pause,
    RequestParts,
    Resume,
    Start,
)
from bus.domain.naming import kebab
from bus.domain.sla_clock import due_at
from bus.domain.terms import State, Substate, Term, WaitingFor
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.domain.transitions import TRANSITIONS
from bus.domain.values import Customer
from bus.gateway.read.ticket_view import next_step

PAGE_COMMANDS: Final[Mapping[str, type[Command]]] = {
    kebab(cls): cls
    for cls in (
        Accept, Depart, Arrive, Start, AddEvidence, RequestParts, Pause, Resume, Note, Resolve, RequestClosure,
        ConfirmClosure,
    )
}  # fmt: skip
_SUBSTATES_EN: Final = {
    Substate.REMOTE_DIAGNOSIS: "remote diagnosis",
    Substate.ON_SITE: "on site",
    Substate.PARTS: "spare parts",
}
_WAITS_EN: Final = {
    WaitingFor.CUSTOMER: "the customer",
    WaitingFor.PARTS: "spare parts",
    WaitingFor.THIRD_PARTY: "a third party",
    WaitingFor.PROBLEM: "problem management",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSetting:
    """What a deployment has of its own: root causes, ticket types in Chinese, and whether customers are sent codes."""

    root_causes: Mapping[str, Text]
    types: Mapping[str, str]
    codes: bool = False


def engineer_view(ticket: Ticket, setting: PageSetting, file_bytes_max: int) -> dict[str, Any]:
    """Show a ticket as committed; its customer, sealed as ever, as long as there is work with them."""
    return {
        "ticket_id": ticket.ticket_id,
        "version": ticket.version,
        "title": ticket.title,
        "type": ticket.type,
        "serial": ticket.serial,
        "product": ticket.product,
        "customer": ticket.customer if ticket.state is not State.CLOSED else Customer(),
        "assignee": ticket.assignee.person,
        "backup": ticket.assignee.backup_person,
        "state": ticket.state,
        "substate": ticket.substate,
        "waiting_for": ticket.paused_for,
        "accepted": ticket.accepted_at is not None,
        "closure_requested": ticket.closure_requested,
        "photos": len(ticket.photos),
        "next_step": next_step(ticket),
        "resolve_by": due_at(ticket.resolution) if ticket.state not in (State.RESOLVED, State.CLOSED) else None,
        "steps": {state.value: _steps(state, setting) for state in State},
        "words": {
            "state": _words({one: one.text.en for one in State}),
            "substate": _words(_SUBSTATES_EN),
            "waiting_for": _words(_WAITS_EN),
            "root_cause": [{"code": code, "zh": word.zh, "en": word.en} for code, word in setting.root_causes.items()],
            "type": [{"code": code, "zh": zh, "en": code.replace("_", " ")} for code, zh in setting.types.items()],
        },
        "file_bytes_max": file_bytes_max,
    }


def _steps(state: State, setting: PageSetting) -> Sequence[Mapping[str, Any]]:
    """List what the page can do in a state, by the one table of transitions; it confirms by a customer's code alone."""
    return [
        {"command": name, "zh": duty.action.zh, "en": duty.action.en, "to": duty.to, "needs": duty.needs}
        for name, cls in PAGE_COMMANDS.items()
        if (duty := TRANSITIONS.get((state, cls)))
        and not duty.historic
        and (setting.codes or cls is not ConfirmClosure)
    ]


def _words(words: Mapping[Any, str]) -> Sequence[Mapping[str, str]]:
    return [{"code": one.value, "zh": one.zh, "en": english} for one, english in words.items() if isinstance(one, Term)]
