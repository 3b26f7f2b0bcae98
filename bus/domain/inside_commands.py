"""Commands that only the bus's own programs ask."""

from dataclasses import dataclass

from bus.domain import fields
from bus.domain.terms import ClockName, TicketStep, WaitingFor


@dataclass(frozen=True, slots=True, kw_only=True)
class WarnSla:
    """Say that 80 % of a promise is spent; the bus's own timer asks this."""

    clock: ClockName


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachSla:
    """Say that a promise was broken; the bus's own timer asks this."""

    clock: ClockName


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireNextStep:
    """Say that the next step was not taken in its time; the bus's own timer asks this."""

    step: TicketStep


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAllowance:
    """Say that a pause is beyond its allowance; the bus's own timer asks this."""

    waiting_for: WaitingFor


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTicket:
    """Find who takes a ticket that waits; the bus's own timer asks this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawOffer:
    """Take a ticket back that was offered to somebody who has not claimed it in time; the bus's own timer asks this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpClosure:
    """Remind who was asked to confirm, or let the request expire, as is due; the bus's own timer asks this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanPromises:
    """Count the promises in the hours that their calendar has now; an operator asks this on the bus's own machine."""

    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePersonalData:
    """Erase a closed ticket's personal data; an operator asks this on the bus's own machine."""

    reason: fields.Reason


InsideCommand = (
    WarnSla
    | BreachSla
    | ExpireNextStep
    | EndAllowance
    | RouteTicket
    | WithdrawOffer
    | FollowUpClosure
    | ReplanPromises
    | ErasePersonalData
)
