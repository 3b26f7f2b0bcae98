"""Events by which a promise is another than it was: taken as kept after all, or planned anew."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields, values


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaBreachWithdrawn:
    """A breach did not happen: what stopped the clock in time was only told after it; `due_at` is the breach's."""

    clock: fields.ClockName
    due_at: fields.DueAt
    limit_s: fields.LimitS
    stopped_at: Annotated[datetime, Doc("when the clock stopped, by the own time of what stopped it, UTC")]
    met: Annotated[bool, Doc("the promise was met then; false: the clock stands in a pause")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisesReplanned:
    """The promises count in other hours from now on, as of a year just announced; what was spent stays."""

    calendar: Annotated[values.WorkingCalendar, Doc("the working hours that both promises count in from now on")]
    previous: Annotated[str, Doc("the version of the calendar that they counted in until now")]
    reason: fields.Reason
