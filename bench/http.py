"""One command over HTTP, 200 clients: the gateway beside a bare endpoint that commits the same rows once a request."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import psutil
import psycopg

from bench.bus import TOKEN, Bus
from bench.figure import Figure, number
from bus.programs.gateway import CONNECTIONS

CLIENTS = 200
ROUNDS = 3  # of each, in turn: what else the machine does meets both
WARM_S, ROUND_S = 2.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the clients saw, and what it cost the server's process."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


async def run(bus: Bus) -> list[Figure]:
    """Measure both in turn."""
    _refuse_a_fast_disk(bus)
    ours: list[Round] = []
    bare: list[Round] = []
    for turn in range(ROUNDS):
        ours.append(await _round(bus, bus.start("gateway"), f"ours{turn}"))
        bus.stop("gateway")
        bare.append(await _round(bus, bus.start_process("bare", "bench.bare_http", str(CONNECTIONS)), f"bare{turn}"))
        bus.stop("bare")
        _forget_outbox(bus)
    rate, limit = _median(ours, "rate"), _median(bare, "rate")
    cpu = f"CPU of one process: {_median(ours, 'cpu_ms'):.2f} ms a command, publishing included; bare "
    cpu += f"{_median(bare, 'cpu_ms'):.2f} ms, which publishes nothing"
    return [
        Figure(
            name=f"one command over HTTP, {CLIENTS} clients",
            value=rate,
            unit="commands/s",
            against=f"one transaction a request, nothing else: {number(limit)}/s",
            ratio=rate / limit,
            goal="≥ 2×",
            note=cpu,
        ),
        *(_beside(name, ours, bare) for name in ("p50_ms", "p99_ms")),
    ]


def _beside(name: str, ours: Sequence[Round], bare: Sequence[Round]) -> Figure:
    value, limit = _median(ours, name), _median(bare, name)
    told = f"… {name.removesuffix('_ms')} of an answer"
    return Figure(name=told, value=value, unit="ms", against=f"the same: {number(limit)} ms", ratio=value / limit)


def _median(rounds: Sequence[Round], name: str) -> float:
    values: list[float] = [getattr(one, name) for one in rounds]
    return median(values)


def _refuse_a_fast_disk(bus: Bus) -> None:
    """Measure nothing on a database that does not wait for its disk."""
    with psycopg.connect(bus.database_url) as connection:
        for name in ("fsync", "synchronous_commit"):
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert row == ("on",), f"{name} is {row}"


def _forget_outbox(bus: Bus) -> None:
    """Leave nothing of the bare endpoint's to publish: the next gateway would do it while it is measured."""
    with psycopg.connect(bus.database_url) as connection:
        connection.execute("DELETE FROM outbox WHERE published_at IS NULL")


async def _round(bus: Bus, pid: int, mark: str) -> Round:
    await bus.ready("/livez")
    await _driven(bus, f"{mark}-warm", WARM_S)
    server = psutil.Process(pid)
    before = server.cpu_times()
    seen = await _driven(bus, mark, ROUND_S)
    after = server.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return Round(rate=seen["rate"], p50_ms=seen["p50_ms"], p99_ms=seen["p99_ms"], cpu_ms=spent / seen["answers"] * 1000)


async def _driven(bus: Bus, mark: str, seconds: float) -> dict[str, float]:
    """Let another process send; every answer must be a ticket opened."""
    command = [sys.executable, "-m", "bench.http_load", bus.url, TOKEN, mark, str(CLIENTS), str(seconds)]
    load = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    async with asyncio.timeout(seconds + 60):
        told, _ = await load.communicate()
    seen: dict[str, float] = json.loads(told)
    assert seen["opened"] == seen["answers"], f"{mark}: {seen}"
    return seen
