"""What a million deliveries that wait cost: the suite `backlog` at that size."""

from bench.backlog import LEVELS, measured
from bench.bus import Bus
from bench.figure import Figure

_MILLION = 1_000_000


async def run(bus: Bus) -> list[Figure]:
    """Measure as `backlog` does, and then with a million. Takes some ten minutes and 2 GB of disk."""
    return await measured(bus, (*LEVELS, _MILLION))
