"""What a bus that nobody uses costs: CPU of gateway, worker and PostgreSQL while nothing comes."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

import psutil
import psycopg

from bench.bus import Bus, until
from bench.figure import Figure
from bench.machine import cpu_s
from bench.outbound import crm, declare, free_port
from bench.traffic import steady

_TARGETS: Final = ("crm", "second-crm")
_SETTLED_S: Final = 15.0  # what starting up brings with it: groups joined, caches filled
_MEASURED_S: Final = 60.0
# The registry keeps its schemas in the same PostgreSQL; what it asks there is not the bus's.
_OTHERS: Final = "SELECT pid FROM pg_stat_activity WHERE datname <> current_database()"
_SERVER: Final = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"  # lives as long as the server


async def run(bus: Bus) -> list[Figure]:
    """Start gateway and worker with two targets, open some tickets, then leave them alone."""
    declare(bus, {name: crm(free_port()) | {"events": ["ClosureConfirmed"]} for name in _TARGETS})
    processes = {name: psutil.Process(bus.start(name)) for name in ("gateway", "worker")}
    await bus.ready()
    await steady(bus, per_s=2, goes_on=_for(2.0))
    await until(lambda: _projected(bus), within_s=60)
    await asyncio.sleep(_SETTLED_S)
    began, before = monotonic(), _spent(bus, processes)
    await asyncio.sleep(_MEASURED_S)
    took, after = monotonic() - began, _spent(bus, processes)
    for name in processes:
        bus.stop(name)
    shares = {who: (after[who] - before[who]) / took * 100 for who in after}
    each = ", ".join(f"{who} {share:.2f} %" for who, share in shares.items())
    return [
        Figure(
            name="idle: gateway, worker with two targets, and PostgreSQL",
            value=sum(shares.values()),
            unit="% of a core",
            goal="≤ 3",
            note=f"{each}; over {took:.0f} s",
        )
    ]


def _for(seconds: float) -> Callable[[], bool]:
    until_s = monotonic() + seconds
    return lambda: monotonic() < until_s


async def _projected(bus: Bus) -> bool:
    return bus.query("SELECT count(*) FROM events") == bus.query("SELECT count(*) FROM tickets")


def _spent(bus: Bus, processes: dict[str, psutil.Process]) -> dict[str, float]:
    """Give the CPU that each has used, in seconds."""
    return {who: cpu_s(one) for who, one in processes.items()} | {
        "PostgreSQL": sum(map(cpu_s, postgres_processes(bus)))
    }


def postgres_processes(bus: Bus) -> list[psutil.Process]:
    """Find the server's processes without other databases' connections; the server is this machine's."""
    with psycopg.connect(bus.database_url) as connection:
        others = {pid for (pid,) in connection.execute(_OTHERS).fetchall()}
        row = connection.execute(_SERVER).fetchone()
    assert row
    server = psutil.Process(row[0]).parent()
    assert server is not None
    return [server, *(one for one in server.children() if one.pid not in others)]
