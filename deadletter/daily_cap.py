"""How much refused input is kept of one client and day: a client in a loop fills no disk."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

PER_DAY = 10_000


@dataclass(slots=True)
class DailyCap:
    """Counts what one process keeps of each source; the counts begin again with the day (UTC)."""

    per_day: int = PER_DAY
    _day: date | None = None
    _kept: Counter[str] = field(default_factory=Counter)

    def allows(self, source: str, now: datetime) -> bool:
        """Count one more of a source; False when it has had its share of the day."""
        if now.date() != self._day:
            self._day = now.date()
            self._kept.clear()
        self._kept[source] += 1
        return self._kept[source] <= self.per_day
