"""Events of promises: nearly spent, broken, taken as kept after all, planned anew, or of a step that is late."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields, terms


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaWarned:
    """80 % of a promise is spent."""

    clock: fields.ClockName
    due_at: fields.DueAt
    limit_s: fields.LimitS


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaBreached:
    """A promise was not kept; `due_at` is when it fell due."""

    clock: fields.ClockName
    due_at: fields.DueAt
    limit_s: fields.LimitS


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaBreachWithdrawn:
    """A breach did not happen: what stopped the clock in time was only told after it; `due_at` is the breach's."""

    clock: fields.ClockName
    due_at: fields.DueAt
    limit_s: fields.LimitS
    stopped_at: Annotated[datetime, Doc("when the clock stopped, by the own time of what stopped it, UTC")]
    met: Annotated[bool, Doc("the promise was met then; false: the clock stands in a pause")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReclassified:
    """The ticket is of another type, priority or region; `PromisesReplanned` follows where that promises otherwise."""

    type: fields.Type
    previous_type: Annotated[str, Doc("the type until now")]
    priority: Annotated[str, Doc("the urgency from now on, in the word of who asked; empty: as it was")]
    region: Annotated[str, Doc("the region from now on")]
    previous_region: Annotated[str, Doc("the region until now")]
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisesReplanned:
    """The promises are others from now on, in time or hours; what was spent stays, and what is met or broken too."""

    response_limit_s: Annotated[int, Doc("promised time until the first response from now on, in seconds")]
    resolution_limit_s: Annotated[int, Doc("promised time until it is resolved from now on, in seconds")]
    calendar: fields.WorkingCalendar
    previous: Annotated[str, Doc("the version of the calendar that they counted in until now; empty: around the clock")]
    reason: fields.Reason
    step_deadlines: fields.StepDeadlines = ()
    pause_allowances: fields.PauseAllowances = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAllowanceSpent:
    """A pause has taken all the time that pauses of its reason may: the resolution clock runs on, the ticket waits."""

    waiting_for: fields.WaitingFor
    allowed_s: Annotated[int, Doc("the time allowed for all pauses of this reason, in seconds")]
    runs_since: Annotated[datetime, Doc("since when the resolution clock runs although the ticket is paused, UTC")]
    person: Annotated[str, Doc("who had the ticket when this was noticed, by name; empty: nobody")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStepOverdue:
    """The ticket's next step was not taken in its time, as far as the bus knows; the ticket goes on as it was (R13)."""

    step: Annotated[terms.TicketStep, Doc("the step that is late, by the command that takes it")]
    due_at: Annotated[datetime, Doc("when the step fell due, UTC")]
    within_s: Annotated[int, Doc("the time allowed for it, in seconds")]
    person: Annotated[str, Doc("who had the ticket when this was noticed, by name; empty: nobody")]
