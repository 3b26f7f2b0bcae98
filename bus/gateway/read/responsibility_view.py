"""Who answers for a ticket, who else has which part, and whose turn it is 权责矩阵 (R10). Pure."""

from datetime import datetime

from typing_extensions import TypedDict

from bus.domain.collaborators import who_answers
from bus.domain.escalation import board_words
from bus.domain.terms import State
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.domain.values import Collaborator


class ResponsibilityAnswer(TypedDict):
    """The lead of a ticket with backup and collaborators, and who `answers` now, in words too; empty: nobody.

    `accepted_at`: null is not claimed yet, by `claim_due_at` where it is an offer. `version`: the ticket's.
    `escalated_to`: the role on whose board it is until somebody is assigned or it is resolved; empty: nobody's.
    """

    ticket_id: str
    version: int
    state: State
    answers: str
    zh: str
    en: str
    lead: str
    role: str
    backup: str
    accepted_at: datetime | None
    claim_due_at: datetime | None
    collaborators: list[Collaborator]
    escalated_to: str


def responsibility_view(ticket: Ticket) -> ResponsibilityAnswer:
    """Show who answers for a ticket; no contacts."""
    text = _whose_turn(ticket)
    return {
        "ticket_id": ticket.ticket_id,
        "version": ticket.version,
        "state": ticket.state,
        "answers": who_answers(ticket),
        "zh": text.zh,
        "en": text.en,
        "lead": ticket.assignee.person,
        "role": ticket.assignee.role,
        "backup": ticket.assignee.backup_person,
        "accepted_at": ticket.accepted_at,
        "claim_due_at": ticket.routing.claim_due_at,
        "collaborators": [*ticket.collaborators],
        "escalated_to": ticket.escalated_to,
    }


def _whose_turn(ticket: Ticket) -> Text:
    turn = _turn_of(ticket)
    if not ticket.escalated_to:
        return turn
    board = board_words(ticket.escalated_to)
    return Text(f"{turn.zh};已升级给 {board.zh}", f"{turn.en}; escalated to {board.en}")


def _turn_of(ticket: Ticket) -> Text:
    lead = ticket.assignee.person
    if not lead:
        return Text("无人负责,等待指派", "nobody answers: it waits for somebody")
    if ticket.answering:
        had = ticket.answering
        return Text(f"移交 {lead},尚未接手:仍由 {had} 负责", f"handed to {lead}, who has not taken over: {had} answers")
    if claim_due_at := ticket.routing.claim_due_at:
        until = time_text(claim_due_at, TO_THE_MINUTE)
        return Text(f"已派给 {lead},须于 {until.zh} 前接单", f"offered to {lead}, to be claimed by {until.en}")
    if ticket.accepted_at is None and ticket.state is State.ASSIGNED:
        return Text(f"由 {lead} 负责,尚未接单", f"{lead} answers, and has not claimed it yet")
    return Text(f"由 {lead} 负责", f"{lead} answers")
