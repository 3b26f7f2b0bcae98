"""The arithmetic of an SLA clock: how much of a promise is spent, when it warns and when it falls due.

A clock with a calendar counts working time alone, whatever else happens meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bus.domain.fast_replace import replace
from bus.domain.values import PauseAllowance, StepDeadline, WorkingCalendar
from bus.domain.working_hours import working_time

WARN_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaLimit:
    """What is promised for a ticket type, and within what time its steps are due (R13).

    `calendar` names the working hours of it all, nothing: around the clock.
    """

    response: timedelta
    resolution: timedelta
    calendar: str = ""
    steps: tuple[StepDeadline, ...] = ()
    pauses: tuple[PauseAllowance, ...] = ()


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class Clock:
    """A promise of `limit_s` seconds; `breached_at` is when it fell due.

    It stands still while `running_since` is None, or still to come: a pause ends then, as far as the clock counts.
    """

    limit_s: int
    spent: timedelta = timedelta(0)
    running_since: datetime | None = None
    warned: bool = False
    breached_at: datetime | None = None
    settled_at: datetime | None = None
    calendar: WorkingCalendar | None = None


def due_at(clock: Clock) -> datetime | None:
    """Say when the promise falls due if the clock goes on running, or fell due; None while it stands unbroken."""
    return clock.breached_at or _when_spent(clock, timedelta(seconds=clock.limit_s))


def warn_at(clock: Clock) -> datetime | None:
    """Say when 80 % will be spent; None while the clock stands, and of a broken promise."""
    return None if clock.breached_at else _when_spent(clock, timedelta(seconds=clock.limit_s) * WARN_SHARE)


def next_alarm_at(clock: Clock) -> datetime | None:
    """Say when the clock wants attention next: warning, then breach, then never again."""
    if clock.breached_at is not None:
        return None
    return due_at(clock) if clock.warned else warn_at(clock)


def run(clock: Clock, at: datetime) -> Clock:
    """Let the clock run from `at`; a clock that was settled goes on where it stood."""
    return (
        clock
        if clock.running_since and clock.running_since <= at
        else replace(clock, running_since=at, settled_at=None)
    )


def stop(clock: Clock, at: datetime) -> Clock:
    """Let the clock stand from `at`; what fell due before is marked with the time it fell due."""
    if clock.running_since is None:
        return clock
    due = due_at(clock)
    missed = due if due is not None and at > due and clock.breached_at is None else clock.breached_at
    ran = max(passed(clock, clock.running_since, at), timedelta(0))
    return replace(clock, spent=clock.spent + ran, running_since=None, breached_at=missed)


def replan(clock: Clock, limit_s: int, calendar: WorkingCalendar | None, at: datetime) -> Clock:
    """Promise another time, or other hours, from `at` on: what is spent stays, and so does what is broken or met."""
    if clock.breached_at is not None:
        return clock
    if clock.settled_at is not None:
        return replace(clock, calendar=calendar)  # should it be reopened
    warned = clock.warned and limit_s == clock.limit_s
    since = clock.running_since and max(clock.running_since, at)
    return replace(stop(clock, at), limit_s=limit_s, calendar=calendar, warned=warned, running_since=since)


def settle(clock: Clock, at: datetime) -> Clock:
    """Keep the promise, in time or late; settling twice changes nothing."""
    return clock if clock.settled_at else replace(stop(clock, at), settled_at=at)


def withdraw(clock: Clock, stopped_at: datetime, *, met: bool) -> Clock:
    """Take a breach back: the clock stopped at `stopped_at`, in time, whether it runs still or was settled late."""
    until = clock.settled_at or stopped_at
    running = until if clock.running_since is None else clock.running_since
    spent = clock.spent + passed(clock, running, stopped_at)
    return replace(clock, spent=spent, running_since=None, breached_at=None, settled_at=stopped_at if met else None)


def passed(clock: Clock, since: datetime, until: datetime) -> timedelta:
    """Give how much of the time that the clock counts passes between two moments; below 0 backwards."""
    return working_time(clock.calendar).elapsed(since, until) if clock.calendar else until - since


def when_passed(clock: Clock, since: datetime, amount: timedelta) -> datetime:
    """Say when so much of the time that the clock counts has passed."""
    return working_time(clock.calendar).due(since, amount) if clock.calendar else since + amount


def _when_spent(clock: Clock, share: timedelta) -> datetime | None:
    if clock.running_since is None:
        return None
    left = max(share - clock.spent, timedelta(0))  # of a promise made shorter more may be spent than it allows
    return when_passed(clock, clock.running_since, left)
