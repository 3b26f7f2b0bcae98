"""Events of the steps of a ticket's way."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

from bus.domain import terms


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOverdue:
    """The ticket's next step was not taken in its time, as far as the bus knows; the ticket goes on as it was (R13)."""

    step: Annotated[terms.TicketStep, Doc("the step that is late, by the command that takes it")]
    due_at: Annotated[datetime, Doc("when the step fell due, UTC")]
    within_s: Annotated[int, Doc("the time allowed for it, in seconds")]
    person: Annotated[str, Doc("who had the ticket when this was noticed, by name; empty: nobody")]
