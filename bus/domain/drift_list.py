"""The drift list of a morning 责任漂移预警清单 (R9): when it is due, and what changed since the one before. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bus.domain.calendars import AROUND_THE_CLOCK, Calendar
from bus.domain.drift import DriftedTicket

LATE_AFTER: Final = timedelta(minutes=5)
LATE_MAX: Final = timedelta(hours=4)
_CHINA: Final = ZoneInfo("Asia/Shanghai")  # of the calendar around the clock, which has no place


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftList:
    """The tickets that drifted when the list of a morning was made, by number."""

    day: date
    due_at: datetime
    made_at: datetime
    tickets: tuple[DriftedTicket, ...]

    @property
    def late(self) -> bool:
        """Say whether it was made late: the worker was away when it was due."""
        return self.made_at - self.due_at > LATE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftComparison:
    """A list beside the one before it: what is new, what is on both, and what is gone. `before`: None is the first."""

    day: date
    before: date | None
    new: Sequence[DriftedTicket] = field(default_factory=tuple)
    still: Sequence[DriftedTicket] = field(default_factory=tuple)
    gone: Sequence[DriftedTicket] = field(default_factory=tuple)


def due_today(calendar: Calendar, at: time, now: datetime) -> tuple[date, datetime] | None:
    """Give the day whose list is due now, and since when; None before it is, four hours later, and on days off.

    Around the clock it is due every day, by China's time.
    """
    working = calendar.working
    zone = _CHINA if calendar.name == AROUND_THE_CLOCK else ZoneInfo(working.zone)
    day = now.astimezone(zone).date()
    due_at = datetime.combine(day, at, zone)
    return (day, due_at) if working.hours_of(day) and due_at <= now < due_at + LATE_MAX else None


def compared(lists: Sequence[DriftList]) -> DriftComparison:
    """Compare the first of the lists with the second, where there is one, by the tickets' numbers."""
    after, before = lists[0], lists[1] if len(lists) > 1 else None
    was, now = _by_number(before.tickets if before else ()), _by_number(after.tickets)
    return DriftComparison(
        day=after.day,
        before=before.day if before else None,
        new=[one for number, one in now.items() if number not in was],
        still=[one for number, one in now.items() if number in was],
        gone=[one for number, one in was.items() if number not in now],
    )


def _by_number(tickets: Sequence[DriftedTicket]) -> Mapping[str, DriftedTicket]:
    return {one.ticket_id: one for one in tickets}
