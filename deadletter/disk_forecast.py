"""When a disk will be full, from its readings: robust against clean-ups, bursts and noise. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from statistics import median
from typing import Final

SAMPLES_MIN: Final = 10
SPAN_MIN: Final = timedelta(minutes=3)
SHORT: Final = timedelta(minutes=10)
LONG: Final = timedelta(hours=1)
DROP_SHARE: Final = 0.002  # of the disk: a fall by more is a clean-up, of a log that rotates too
DROP_INCREMENTS: Final = 6  # times the usual change from reading to reading: noise is no clean-up
DROPS_MIN: Final = 3  # from so many clean-ups on their peaks say whether the disk fills
POINTS_MAX: Final = 120  # of a slope: 7,140 pairs, under 2 ms
HORIZON_MAX: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSample:
    """What was used of a disk at one time, and its size, in bytes."""

    at: datetime
    used: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a disk is full: by the fastest of the estimates, and by the slowest, on which all agree."""

    earliest: datetime
    likely: datetime


def forecast(samples: Sequence[DiskSample], now: datetime) -> Forecast | None:
    """Say when the disk will be full; None while too little is known, or where the estimates do not agree on it.

    `samples` in the order of their time. Measured are the last ten minutes and the last hour since the last clean-up
    and, where there were clean-ups, the peaks before them (of three or more) or the whole time: a disk that is emptied
    as often as it fills never fills, and a burst that has ended fills nothing.
    """
    segment, peaks = _since_last_drop(samples)
    if len(segment) < SAMPLES_MIN or segment[-1].at - segment[0].at < SPAN_MIN:
        return None
    last = segment[-1]
    short, long = ([one for one in segment if last.at - one.at <= window] for window in (SHORT, LONG))
    measured = [short if len(short) >= SAMPLES_MIN else segment[-SAMPLES_MIN:], long]
    if peaks:
        measured.append(peaks if len(peaks) >= DROPS_MIN else samples)
    rates = [growth(some) for some in measured]
    free = max(0.0, last.total - last.used)
    if min(rates) * HORIZON_MAX.total_seconds() <= free:
        return None
    earliest, likely = (last.at + timedelta(seconds=free / rate) for rate in (max(rates), min(rates)))
    return Forecast(earliest=max(now, earliest), likely=max(now, likely))


def growth(samples: Sequence[DiskSample]) -> float:
    """Give the slope in bytes a second by Theil and Sen: the median over all pairs; 0 for fewer than two samples."""
    some = samples[:: -(-len(samples) // POINTS_MAX)] if samples else samples
    slopes = [
        (later.used - sooner.used) / seconds
        for sooner, later in combinations(some, 2)
        if (seconds := (later.at - sooner.at).total_seconds()) > 0
    ]
    return median(slopes) if slopes else 0.0


def _since_last_drop(samples: Sequence[DiskSample]) -> tuple[Sequence[DiskSample], Sequence[DiskSample]]:
    """Give the samples since the last clean-up, and the last sample before each clean-up."""
    if len(samples) < 2:
        return samples, []
    usual = median(abs(later.used - sooner.used) for sooner, later in pairwise(samples))
    limit = max(DROP_SHARE * samples[-1].total, DROP_INCREMENTS * usual)
    drops = [n for n, (sooner, later) in enumerate(pairwise(samples), 1) if sooner.used - later.used > limit]
    return samples[drops[-1] if drops else 0 :], [samples[n - 1] for n in drops]
