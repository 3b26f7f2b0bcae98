"""Learned limits of expectations: how long a hop took lately, computed seldom and kept for those who open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, LiteralString

from bus.journey.expectations_config import WITHIN_MAX, Expectation, Expectations, place_of
from bus.postgres.advisory_locks import try_lock
from bus.postgres.pool import Connection, read_rows

SAMPLES_MIN: Final = 200
SAMPLES_MAX: Final = 2_000
LATELY: Final = timedelta(days=7)
LEARNED_EVERY: Final = timedelta(minutes=10)
READ_EVERY_S: Final = 60.0
# The newest arrivals of each, by an index of its own: whatever the table holds, as few rows are read.
_LEARN: LiteralString = """
INSERT INTO expectation_limits (expectation, hop, place, p99_s, samples, computed_at)
SELECT w.expectation, w.hop, w.place, s.p99_s, s.samples, now()
FROM unnest(%(names)s::text[], %(hops)s::text[], %(places)s::text[]) AS w (expectation, hop, place)
LEFT JOIN expectation_limits l USING (expectation)
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY a.seconds) AS p99_s, count(*) AS samples FROM (
        SELECT greatest(0, extract(epoch FROM x.arrived_at - e.recorded_at))::float8 AS seconds FROM (
            SELECT ticket_id, version, arrived_at FROM expectations
            WHERE expectation = w.expectation AND place = w.place AND hop = w.hop AND arrived_at IS NOT NULL
                AND settled_at > now() - %(lately)s
            ORDER BY settled_at DESC LIMIT %(most)s) x
        JOIN events e USING (ticket_id, version)) a) s
WHERE l.computed_at IS NULL OR (l.hop, l.place) <> (w.hop, w.place)
    OR l.computed_at NOT BETWEEN now() - %(every)s AND now()
ON CONFLICT (expectation) DO UPDATE SET hop = excluded.hop, place = excluded.place, p99_s = excluded.p99_s,
    samples = excluded.samples, computed_at = excluded.computed_at"""
_READ: LiteralString = """
SELECT expectation, hop, place, p99_s, samples, computed_at FROM expectation_limits WHERE expectation = ANY(%s)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLimit:
    """What was learned of an expectation: seconds within which 99 of 100 came, of how many, and when that was."""

    expectation: str
    hop: str
    place: str
    p99_s: float | None
    samples: int
    computed_at: datetime


def limit_of(expectation: Expectation, learned: LearnedLimit | None) -> timedelta:
    """Give the limit: as written, or twice what was learned of enough samples if that is longer. Pure."""
    if learned is None or learned.p99_s is None or learned.samples < SAMPLES_MIN or not expectation.learned:
        return expectation.within
    return max(expectation.within, min(timedelta(seconds=2 * learned.p99_s), WITHIN_MAX))


async def learn(connection: Connection, expectations: Expectations) -> None:
    """Compute what is older than LEARNED_EVERY of the learned expectations, unless another worker does."""
    some = {name: one for name, one in expectations.items() if one.learned}
    if not some:
        return
    if await try_lock(connection, "learned limits"):
        asked = {
            "names": [*some],
            "hops": [one.hop.value for one in some.values()],
            "places": [place_of(one) for one in some.values()],
            "lately": LATELY,
            "most": SAMPLES_MAX,
            "every": LEARNED_EVERY,
        }
        await connection.execute(_LEARN, asked)


async def read_learned(connection: Connection, expectations: Expectations) -> Mapping[str, LearnedLimit]:
    """Read what was learned of the learned expectations, by name, where it was of the same hop and place."""
    names = [name for name, one in expectations.items() if one.learned]
    rows = await read_rows(connection, _READ, LearnedLimit, (names,)) if names else []
    known = {name: (expectations[name].hop.value, place_of(expectations[name])) for name in names}
    return {one.expectation: one for one in rows if (one.hop, one.place) == known[one.expectation]}


@dataclass(slots=True, kw_only=True)
class CurrentLimits:
    """The limits of the expectations as of the last minute."""

    expectations: Expectations
    _limits: Mapping[str, timedelta] = field(default_factory=dict)
    _read_at: float = float("-inf")

    async def read(self, connection: Connection) -> Mapping[str, timedelta]:
        """Give the limit of each by name, read anew once a minute."""
        if monotonic() - self._read_at >= READ_EVERY_S:
            learned = await read_learned(connection, self.expectations)
            self._limits = {name: limit_of(one, learned.get(name)) for name, one in self.expectations.items()}
            self._read_at = monotonic()
        return self._limits
