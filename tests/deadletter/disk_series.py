"""Made series of disk readings with what really comes of them; as a program, precision and recall over 1,000."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from deadletter.disk_forecast import DiskSample, forecast

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
TOTAL = 1e12
EVERY = timedelta(seconds=30)
SEEN, COMING = 720, 2880  # readings of 6 hours, and of the 24 hours after
HOUR = 120
Shares = Callable[[int], float]  # the reading's number -> share of the disk that is used
Make = Callable[[random.Random], Shares]


def samples(shares: Shares, noise: Callable[[], float] = lambda: 0.0, seen: int = SEEN) -> list[DiskSample]:
    """Make the readings until now."""
    return [
        DiskSample(at=NOW - EVERY * (seen - 1 - n), used=TOTAL * min(1.0, max(0.0, shares(n) + noise())), total=TOTAL)
        for n in range(seen)
    ]


def fills(rng: random.Random) -> Shares:
    """Fill evenly, full in 1 to 16 hours."""
    base, hours = rng.uniform(0.3, 0.8), 6 + rng.uniform(1, 16)
    return lambda n: base + (1 - base) / (hours * HOUR) * n


def fills_slowly(rng: random.Random) -> Shares:
    """Fill evenly, not within 30 hours."""
    base, hours = rng.uniform(0.3, 0.8), rng.uniform(40, 400)
    return lambda n: base + (1 - base) / (hours * HOUR) * n


def sawtooth(rng: random.Random) -> Shares:
    """Fall back to the same level every 20 minutes to 4 hours."""
    period, high, phase = rng.uniform(0.3, 4) * HOUR, rng.uniform(0.03, 0.15), rng.random()
    base = rng.uniform(0.3, 0.8)
    return lambda n: base + high * ((n / period + phase) % 1)


def rising_sawtooth(rng: random.Random) -> Shares:
    """Be cleaned up every 20 to 70 minutes, and fill all the same."""
    period, high, phase = rng.uniform(0.3, 1.2) * HOUR, rng.uniform(0.03, 0.1), rng.random()
    base, hours = rng.uniform(0.3, 0.7), 6 + rng.uniform(2, 16)
    return lambda n: base + (1 - high - base) / (hours * HOUR) * n + high * ((n / period + phase) % 1)


def fills_after_one_deletion(rng: random.Random) -> Shares:
    """Fill evenly, with one deletion in the last 6 hours."""
    hours, at, lower, last = rng.uniform(2, 16), rng.randrange(60, 600), rng.uniform(0.05, 0.2), rng.uniform(0.5, 0.8)
    return lambda n: last - (1 - last) / (hours * HOUR) * (SEEN - n) + (lower if n < at else 0)


def burst(rng: random.Random) -> Shares:
    """Grow for 5 to 30 minutes and stop: 5 minutes ago or earlier."""
    at, lasts, high = rng.randrange(200, 650), rng.randrange(10, 60), rng.uniform(0.05, 0.3)
    base = rng.uniform(0.3, 0.65)
    return lambda n: base + high * min(1.0, max(0.0, (n - at) / lasts))


def step(rng: random.Random) -> Shares:
    """Jump once, up or down."""
    at, high, base = rng.randrange(100, 700), rng.uniform(-0.2, 0.2), rng.uniform(0.3, 0.75)
    return lambda n: base + (high if n > at else 0)


def still(rng: random.Random) -> Shares:
    """Stay as it is."""
    base = rng.uniform(0.3, 0.8)
    return lambda _: base


KINDS: Mapping[str, Make] = {
    one.__name__: one
    for one in (fills, fills_slowly, sawtooth, rising_sawtooth, fills_after_one_deletion, burst, step, still)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A series: whether it is full within 24 hours, and whether the forecast says so."""

    kind: str
    full: bool
    said: bool


def judged(count: int, seed: int = 7) -> Iterator[Judged]:
    """Judge made series of all kinds, with noise of none, 0.05 % and 0.2 % of the disk in turn by chance."""
    rng = random.Random(seed)  # noqa: S311 - the same series each time
    for number in range(count):
        kind = [*KINDS][number % len(KINDS)]
        shares, noise = KINDS[kind](rng), rng.choice([0.0, 0.0005, 0.002])
        found = forecast(samples(shares, partial(rng.gauss, 0, noise)), NOW)
        full = any(shares(n) >= 1 for n in range(SEEN, SEEN + COMING))
        yield Judged(kind=kind, full=full, said=found is not None and found.likely - NOW <= timedelta(hours=24))


def precision_and_recall(series: list[Judged]) -> tuple[float, float]:
    """Give the share of alarms that were right, and the share of what fills that was said."""
    counts = Counter((one.full, one.said) for one in series)
    return counts[True, True] / (counts[True, True] + counts[False, True]), counts[True, True] / (
        counts[True, True] + counts[True, False]
    )


if __name__ == "__main__":
    all_judged = [*judged(1_000)]
    for name in KINDS:
        some = Counter((one.full, one.said) for one in all_judged if one.kind == name)
        print(f"{name:<26} { ({f'full {full}, said {said}': number for (full, said), number in some.items()}) }")
    print("precision {:.3f}, recall {:.3f}".format(*precision_and_recall(all_judged)))
