"""The card that an engineer sees when a ticket is assigned: made from the event and the ticket, Chinese first. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.engineer_app.buttons import Button, offered
from bus.domain.errors import MalformedInput
from bus.domain.terms import State

ASSIGNED = "TicketAssigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a card: label in Chinese and English, and its value."""

    label: str
    english: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the app shows. Lines without a value are left out: nothing is made up."""

    ticket_id: str
    headline: str
    lines: tuple[Line, ...]
    buttons: tuple[Button, ...]


def is_for(person: str, event: Mapping[str, Any]) -> bool:
    """Say whether an event assigns a ticket to that person."""
    assignee = event.get("assignee")
    return isinstance(assignee, Mapping) and assignee.get("person") == person


def card(event: Mapping[str, Any], ticket: Mapping[str, Any], articles: Sequence[Mapping[str, Any]] = ()) -> Card:
    """Make the card of an assignment: `event` as the stream sends it, `ticket` as the gateway shows it.

    `articles`: what the knowledge pool suggests for it.

    Raises MalformedInput when either lacks what a card needs.
    """
    try:
        assignee, state = event["assignee"], State(ticket["state"])
        lines = (
            Line(label="类型", english="type", value=ticket["type"]),
            Line(label="区域", english="region", value=ticket["region"]),
            Line(label="来源单号", english="source no.", value=ticket["source_no"]),
            Line(label="负责人", english="handler", value=f"{assignee['person']}({assignee['role']})"),
            Line(label="备份", english="backup", value=f"{assignee['backup_person']} {assignee['backup_contact']}"),
            Line(label="原因", english="reason", value=event["reason"]),
            *(Line(label="知识", english="knowledge", value=f"{one['number']} {one['title']}") for one in articles),
        )
        return Card(
            ticket_id=ticket["ticket_id"],
            headline=ticket["title"],
            lines=tuple(line for line in lines if line.value.strip()),
            buttons=offered(state),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        zh, en = "指派事件或工单缺少必要内容", "the assignment or the ticket lacks what a card needs"
        raise MalformedInput("malformed_assignment", str(error)[:80], zh, en) from error
