"""Pauses with an allowance: beyond it the resolution clock runs on although the ticket is paused (R7). Pure.

When an allowance ends is known as the pause begins: the clock then runs from that moment on, which is still to come.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bus.domain import sla_clock
from bus.domain.events import Event
from bus.domain.fast_replace import replace
from bus.domain.promise_events import PauseAllowanceSpent, PromisesReplanned
from bus.domain.terms import WaitingFor
from bus.domain.values import PauseAllowance

if TYPE_CHECKING:
    from bus.domain.ticket import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitedTime:
    """How long a ticket has waited for somebody, in the time that its clocks count; the present wait is not in it."""

    waiting_for: WaitingFor
    spent: timedelta


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class Waits:
    """What waits are allowed and were taken; the present one is `since` then, by the version `began`.

    `overrun`: it was said that the present one is beyond its allowance.
    """

    allowances: tuple[PauseAllowance, ...] = ()
    taken: tuple[WaitedTime, ...] = ()
    since: datetime | None = None
    began: int = 0
    overrun: bool = False


def waited(before: "Ticket", ticket: "Ticket", event: Event, at: datetime) -> "Ticket":
    """Note what an event began, ended or allowed otherwise of waits; `at` is by the ticket's own time."""
    if isinstance(event, PauseAllowanceSpent):
        return replace(ticket, waits=replace(ticket.waits, overrun=True))
    if ticket.paused_for is before.paused_for and not (ticket.paused_for and isinstance(event, PromisesReplanned)):
        return ticket
    waits = replace(ticket.waits, taken=_taken(before, at), since=None, overrun=False)
    if ticket.paused_for is None:
        return replace(ticket, waits=waits)
    clock = sla_clock.stop(ticket.resolution, at)
    left = _left(waits, ticket.paused_for)
    runs_on = None if left is None else sla_clock.when_passed(clock, at, left)
    return replace(
        ticket,
        waits=replace(waits, since=at, began=before.version + 1),
        resolution=replace(clock, running_since=runs_on),
    )


def runs_on_at(ticket: "Ticket") -> datetime | None:
    """Say when the present pause is beyond its allowance, as long as that was not said; None: never, or not paused."""
    return ticket.resolution.running_since if ticket.paused_for and not ticket.waits.overrun else None


def allowance_of(waits: Waits, waiting_for: WaitingFor) -> int | None:
    """Give the seconds that all waits for somebody may take together; None: as many as they take."""
    return next((one.allowed_s for one in waits.allowances if one.waiting_for is waiting_for), None)


def _left(waits: Waits, waiting_for: WaitingFor) -> timedelta | None:
    allowed_s = allowance_of(waits, waiting_for)
    if allowed_s is None:
        return None
    taken = sum((one.spent for one in waits.taken if one.waiting_for is waiting_for), timedelta(0))
    return max(timedelta(seconds=allowed_s) - taken, timedelta(0))


def _taken(before: "Ticket", at: datetime) -> tuple[WaitedTime, ...]:
    """Add the wait that ended to those before it."""
    known, since, ended = before.waits.taken, before.waits.since, before.paused_for
    if ended is None or since is None:
        return known
    spent = {one.waiting_for: one.spent for one in known}
    spent[ended] = spent.get(ended, timedelta(0)) + sla_clock.passed(before.resolution, since, at)
    return tuple(WaitedTime(waiting_for=whom, spent=time) for whom, time in spent.items())
