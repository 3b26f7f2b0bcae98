"""Requests of the sandbox: virtual tickets 虚拟工单 to practise on, and the probe's notes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bus.domain.commands import Command, Note, OpenTicket, Request, Resume
from bus.domain.practice_steps import PracticeRole, played, steps_left
from bus.domain.rules import Rules
from bus.domain.terms import BUS, SANDBOX, KeyKind, State, TicketId, TraceId
from bus.domain.ticket import Ticket
from bus.domain.time_text import CHINA
from bus.domain.values import IncidentKey
from bus.intake.command_ids import command_id

PROBE_PREFIX: Final = "probe-"
EXERCISE_PREFIX: Final = "exercise-"  # of a ticket that people practise on together, opened where the bus runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A ticket to practise on: who wants it, for which region, at which number of the sandbox's own."""

    person: str
    region: str
    number: str


def practice_opening(practice: Practice, rules: Rules, now: datetime) -> Request:
    """Open a ticket to practise on; it has the first type that the deployment knows."""
    command = OpenTicket(
        incident_key=IncidentKey(kind=KeyKind.SERIAL, value=f"SANDBOX-{practice.number}"),
        title="演练:洗衣机漏水 / practice: a leaking washing machine",
        type=next(iter(rules.sla)),
        region=practice.region,
        source_no=practice.number,
        description="虚拟工单,没有真实客户 / a virtual ticket without a real customer",
    )
    return _request(practice.number, command, practice.person, now)


def probe_requests(sent_at: datetime, rules: Rules, now: datetime) -> Sequence[Request]:
    """Open the day's probe ticket, which is done once, and write a note on it: a ticket takes a thousand at most."""
    number = f"{PROBE_PREFIX}{sent_at.astimezone(CHINA):%Y-%m-%d}"
    opening = OpenTicket(
        incident_key=IncidentKey(kind=KeyKind.SERIAL, value=f"SANDBOX-{number}"),
        title="总线探测 / a probe of the bus",
        type=next(iter(rules.sla)),
        source_no=number,
    )
    note = Note(text=f"探测 probe {sent_at.isoformat()}")
    return [_request(number, opening, BUS, now), _request(number, note, BUS, now, step=sent_at.isoformat())]


def ending(ticket: Ticket, person: str, rules: Rules, now: datetime) -> Sequence[Request]:
    """Bring a virtual ticket to its end by the steps that are left, with made-up deliverables; none when it is there.

    The steps keep to the table of transitions, as those of any ticket do.
    """
    paused = ticket.state is State.IN_PROGRESS and ticket.paused_for
    left: list[Command] = [Resume(reason="演练结束")] if paused else []
    left += [played(one, person, rules, PracticeRole.ENGINEER) for one in steps_left(ticket)]
    number = f"{ticket.ticket_id} end {ticket.version}"
    return [
        _request(number, command, person, now, step=str(place), ticket_id=ticket.ticket_id)
        for place, command in enumerate(left)
    ]


def _request(
    number: str, command: Command, actor: str, now: datetime, *, step: str = "", ticket_id: TicketId | None = None
) -> Request:
    """Make a request of the sandbox: the same number and step are the same command."""
    own_id = command_id(SANDBOX, f"{number} {step}")
    return Request(
        command_id=own_id,
        command=command,
        source=SANDBOX,
        actor=actor,
        at=now,
        received_at=now,
        trace_id=TraceId(own_id.hex),
        fingerprint=f"{number} {step}",
        ticket_id=ticket_id,
        source_no="" if ticket_id else number,
    )
