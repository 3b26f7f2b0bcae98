"""What the customer answered before, and what is told to who answers once more (R20). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bus.domain.closing_events import (
    ClosureConfirmed,
    ClosureRejected,
    ClosureRequested,
    TicketReopened,
    TicketResolved,
)
from bus.domain.events import Recorded
from bus.domain.text import Text
from bus.gateway.customer.texts import CONFIRMED, CONFIRMED_BEFORE, NOT_AWAITED, REJECTED, REJECTED_BEFORE


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBefore:
    """An answer that was taken: which button it was, what was said to it, and what to who presses the other one."""

    answer: str
    thanks: Text
    not_taken: Text


_CONFIRMED: Final = AnswerBefore(answer="confirm", thanks=CONFIRMED, not_taken=CONFIRMED_BEFORE)
_REJECTED: Final = AnswerBefore(answer="reject", thanks=REJECTED, not_taken=REJECTED_BEFORE)
NOTHING_BEFORE: Final = AnswerBefore(answer="", thanks=NOT_AWAITED, not_taken=NOT_AWAITED)


def answer_before(events: Sequence[Recorded]) -> AnswerBefore:
    """Give the answer that holds: nobody solved it again, asked again or reopened it since."""
    for recorded in reversed(events):
        match recorded.event:
            case ClosureConfirmed():
                return _CONFIRMED
            case ClosureRejected():
                return _REJECTED
            case ClosureRequested() | TicketReopened() | TicketResolved():
                break
            case _:
                pass
    return NOTHING_BEFORE
