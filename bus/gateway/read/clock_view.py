"""How the accounts of a ticket's clocks are shown: over HTTP and by `ticketbus calendar explain`. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bus.domain.calendars import Calendars
from bus.domain.clock_account import Stretch, account
from bus.domain.events import Recorded, TicketOpened
from bus.domain.terms import ClockName
from bus.gateway.http.answers import ClockAnswer, ClockStretch

STRETCHES_MAX: Final = 500  # shown of a clock, the latest; what counts is of all


def clocks_view(events: Sequence[Recorded], calendars: Calendars, now: datetime) -> list[ClockAnswer]:
    """Show the account of each clock of a ticket, by all its events; `calendars` name the days of holidays."""
    return [_clock(events, name, calendars, now) for name in ClockName]


def _clock(events: Sequence[Recorded], name: ClockName, calendars: Calendars, now: datetime) -> ClockAnswer:
    opened = events[0].event
    promised = opened.calendar if isinstance(opened, TicketOpened) else None
    known = calendars.by_name.get(promised.version.partition("@")[0]) if promised else None
    found = account(events, name, now, known.why if known else {})
    shown = found.stretches[-STRETCHES_MAX:]
    return {
        "clock": name.value,
        "limit_s": found.limit_s,
        "calendar": found.calendar.version if found.calendar else None,
        "zone": found.calendar.zone if found.calendar else None,
        "counted_s": found.counted.total_seconds(),
        "due_at": found.due_at,
        "breached_at": found.breached_at,
        "settled_at": found.settled_at,
        "omitted": len(found.stretches) - len(shown),
        "stretches": [_stretch(one) for one in shown],
    }


def _stretch(one: Stretch) -> ClockStretch:
    return {
        "since": one.since,
        "until": one.until,
        "counts": one.counts,
        "seconds": (one.until - one.since).total_seconds(),
        "why": one.why.zh,
        "why_en": one.why.en,
    }
