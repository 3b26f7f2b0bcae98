"""What a ticket keeps of a request to confirm its closure (R20), and what a deployment may choose about it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bus.domain.text import Text
from bus.domain.values import WorkingCalendar
from bus.domain.working_hours import working_time

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRules:
    """After which time of a request the customer is reminded, and when it expires.

    `key`: of links and codes; without it there are none. The words are by their codes.
    """

    remind_after: tuple[timedelta, ...] = (timedelta(hours=24), timedelta(hours=48))
    expires_after: timedelta = timedelta(days=7)
    key: bytes = field(default=b"", repr=False)
    rejection_reasons: Mapping[str, Text] = field(default_factory=dict)
    scene_tags: Mapping[str, Text] = field(default_factory=dict)


REMIND_TWICE = ClosureRules()


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class PendingClosure:
    """A request that waits for the customer: `version` is its event's, `remind_at` what is still to come.

    `next_at`: when the bus is to act on it next; None: never, as of an imported past. `codes_asked`: how often the code
    was wanted once more.
    """

    version: int
    remind_at: tuple[datetime, ...] = ()
    expires_at: datetime | None = None
    next_at: datetime | None = None
    reminded: int = 0
    wrong_codes: int = 0
    codes_asked: int = 0
    code_asked_at: datetime | None = None


def next_at(remind_at: tuple[datetime, ...], expires_at: datetime | None) -> datetime | None:
    """Say when the bus is to act next on a request."""
    return remind_at[0] if remind_at else expires_at


def reminders(
    at: datetime, rules: ClosureRules, calendar: WorkingCalendar | None
) -> tuple[tuple[datetime, ...], datetime]:
    """Give when to remind somebody who is asked at a time, and when the request expires.

    Reminders fall into the working hours of the ticket's calendar, where it has one: nobody is asked at night.
    """
    expires_at = at + rules.expires_after
    wanted = sorted({_worked(at + after, calendar) for after in rules.remind_after})
    return tuple(one for one in wanted if one < expires_at), expires_at


def _worked(at: datetime, calendar: WorkingCalendar | None) -> datetime:
    """Give the first moment from then on that is worked."""
    if calendar is None or (hours := working_time(calendar)).works_at(at):
        return at
    return hours.due(at, _MOMENT) - _MOMENT
