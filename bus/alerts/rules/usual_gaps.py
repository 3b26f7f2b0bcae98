"""How long a source may be silent: by the gaps between what came at the same time in earlier weeks. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import Final

GAPS_MIN: Final = 50  # with fewer nobody knows what is usual
WITHOUT_HISTORY: Final = timedelta(hours=24)
AT_LEAST: Final = timedelta(minutes=10)
BEYOND: Final = 2  # one gap in a hundred is longer than p99 by its very meaning, and is no alert


def silent_after(gaps: Sequence[timedelta]) -> timedelta:
    """Give the silence that is unusual: twice the 99th percentile of the gaps; without enough of them, a day."""
    if len(gaps) < GAPS_MIN:
        return WITHOUT_HISTORY
    p99 = sorted(gaps)[ceil(0.99 * len(gaps)) - 1]
    return max(BEYOND * p99, AT_LEAST)
