"""Intervals of 95 %: what a difference may be by chance. Pure."""

from dataclasses import dataclass
from math import exp, sqrt
from typing import Final, NamedTuple

Z: Final = 1.96


class Interval(NamedTuple):
    """Where the true value lies, at 95 %."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """So many numbers, their sum and the sum of their squares."""

    count: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """Give the mean; there must be one number at least."""
        return self.total / self.count

    @property
    def deviations(self) -> float:
        """Give the sum of squared deviations from the mean."""
        return max(0.0, self.squares - self.total**2 / self.count)


def share_interval(hits: int, units: int) -> Interval:
    """Give Wilson's interval of a share."""
    share, spread = hits / units, Z * Z / units
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / units + spread / units / 4) / (1 + spread)
    return Interval(middle - half, middle + half)


def rise_interval(before: tuple[int, int], now: tuple[int, int]) -> Interval:
    """Give Newcombe's interval of how much a share has risen; both are hits and units."""
    first, second = before[0] / before[1], now[0] / now[1]
    old, new = share_interval(*before), share_interval(*now)
    down = sqrt((second - new.low) ** 2 + (old.high - first) ** 2)
    up = sqrt((new.high - second) ** 2 + (first - old.low) ** 2)
    return Interval(second - first - down, second - first + up)


def ratio_interval(difference: float, variance: float) -> Interval:
    """Give the interval of a ratio, from a difference of logarithms and its variance."""
    half = Z * sqrt(variance)
    return Interval(exp(difference - half), exp(difference + half))
