"""How many calls an app may make now: a limit for any 20 seconds of each interface, and one for the day.

The last calls are remembered by their times: a bucket that is filled at 5 a second lets up to 200 calls into 20 s.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from adapters.fxiaoke_api import metrics
from adapters.fxiaoke_api.account import CALLS_MAX, WINDOW_S
from bus.domain.time_text import CHINA

_SLACK_S: Final = 1.0  # a call arrives so much later than it was counted, at most; and theirs is another clock


class CallBudget:
    """The calls of one app by this program. `clock` counts seconds; `now` gives the time, aware."""

    def __init__(self, app: str, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        """Begin with no calls made."""
        self._app, self._clock, self._now = app, clock, now
        self._times: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=CALLS_MAX))
        self._limits = dict[str, int]()
        self._day: date | None = None
        self._today, self._day_limit = 0, 0

    def wait_s(self, interface: str, limit: int) -> float:
        """Give the seconds until an interface may be called, at most `limit` times in any 20 s; 0 for now."""
        times = self._times[interface]
        if len(times) < limit:
            return 0.0
        return max(0.0, times[-limit] + WINDOW_S + _SLACK_S - self._clock())

    def wait_for_tomorrow_s(self, limit: int | None) -> float:
        """Give the seconds until midnight in China where the day's calls are used up, else 0."""
        return 0.0 if limit is None or self._left_today(limit) else until_midnight_s(self._now())

    def count(self, interface: str, limit: int, day_limit: int | None) -> None:
        """Count a call that is made now."""
        if interface not in self._limits:
            metrics.CALLS_LEFT.labels(self._app, interface).set_function(lambda: self.left(interface))
        if day_limit is not None and not self._day_limit:
            metrics.CALLS_LEFT_TODAY.labels(self._app).set_function(lambda: self._left_today(self._day_limit))
        self._limits[interface], self._day_limit = limit, day_limit or self._day_limit
        self._times[interface].append(self._clock())
        self._new_day()
        self._today += 1

    def left(self, interface: str) -> int:
        """Give the calls that an interface has left now, by the limit of its last call."""
        since = self._clock() - WINDOW_S
        return max(0, self._limits[interface] - sum(one > since for one in self._times[interface]))

    def _left_today(self, limit: int) -> int:
        self._new_day()
        return max(0, limit - self._today)

    def _new_day(self) -> None:
        day = self._now().astimezone(CHINA).date()
        if day != self._day:
            self._day, self._today = day, 0


def until_midnight_s(now: datetime) -> float:
    """Give the seconds until the next midnight in China, when quotas of a day begin anew. Pure."""
    local = now.astimezone(CHINA)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - local).total_seconds()
