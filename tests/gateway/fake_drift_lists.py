"""Drift lists in memory, the newest first."""

from collections.abc import Sequence
from datetime import date

from bus.domain.drift_list import DriftList


class FakeDriftLists(list[DriftList]):
    """Gives the list of a day, or the last one, and the one before it."""

    async def until(self, day: date | None) -> Sequence[DriftList]:
        """Read them."""
        found = [one for one in self if day is None or one.day <= day][:2]
        return found if found and day in (None, found[0].day) else []
