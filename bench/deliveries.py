"""Deliveries for one target and for five, beside a bare loop that signs and sends the same; then a redrive."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from adapters.crm.callback_wire import status_body
from bench.bus import Bus, until
from bench.figure import Figure, number
from bench.outbound import crm, declare, forget_outbox, free_port, let_wait
from bench.redriven import redriven
from bench.seed import seed
from bus.app import Core
from bus.delivery.target import delivery_key
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.wire.headers import traceparent

AT_ONCE = 16
ROUNDS = 3  # of each, in turn: what else the machine does meets both
EACH = {1: 3_000, 5: 600}  # deliveries to each of so many targets
_SEEDED = 9_000  # more than a thousand tickets
_SPAN = """
SELECT count(*), extract(epoch FROM max(settled_at) - min(settled_at))::float FROM (
    SELECT settled_at FROM deliveries WHERE state = 'done' ORDER BY settled_at OFFSET %s) d"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How fast it went, and the CPU of one call in the process that made it and, for the bus, in PostgreSQL."""

    rate: float
    cpu_ms: float
    postgres_ms: float = 0.0


async def run(bus: Bus) -> list[Figure]:
    """Measure the rates of deliveries, then that of a redrive."""
    port = free_port()
    bus.start_process("receiver", "bench.receiver", str(port))
    async with bus.core() as core:
        await seed(core, rows=_SEEDED, published=False)
        forget_outbox(bus)
        bodies = await _bodies(bus, core)
        figures = [await _rate(bus, bodies, port, targets) for targets in EACH]
        figures += await redriven(bus, port)
    bus.stop("receiver")
    return figures


async def _bodies(bus: Bus, core: Core) -> Path:
    """Write down what the deliveries say, so that the bare loop says the same."""
    rows = bus.query("SELECT value FROM events ORDER BY ticket_id, version LIMIT %s", max(EACH.values()))
    ticket: Ticket | None = None
    lines = []
    for recorded in await core.clear.events([value for (value,) in rows]):
        ticket = evolve(ticket if recorded.version > 1 else None, recorded)
        told = {
            "key": delivery_key(recorded.event_id, "crm-1"),
            "traceparent": traceparent(recorded.trace_id, recorded.event_id),
            "body": status_body(recorded, ticket).decode(),
        }
        lines.append(json.dumps(told))
    file = bus.folder / "bodies.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


async def _rate(bus: Bus, bodies: Path, port: int, targets: int) -> Figure:
    ours, bare, kept = list[Round](), list[Round](), list[Round]()
    for _ in range(ROUNDS):
        ours.append(await _ours(bus, port, targets))
        bare.append(await _bare(bus, bodies, port, targets, "close"))
        kept.append(await _bare(bus, bodies, port, targets, "keep"))
    rate, limit = _median(ours, "rate"), _median(bare, "rate")
    return Figure(
        name=f"deliveries of status callbacks to {targets} target{'s' if targets > 1 else ''}, {AT_ONCE} at once each",
        value=rate,
        unit="deliveries/s",
        against=f"a bare client loop, signed, one connection a call as well: {number(limit)}/s",
        ratio=rate / limit,
        goal="≥ 0.7×",
        note=f"CPU a delivery: {_median(ours, 'cpu_ms'):.2f} ms in one thread and "
        f"{_median(ours, 'postgres_ms'):.2f} ms in PostgreSQL; the bare loop {_median(bare, 'cpu_ms'):.2f} ms; "
        f"with connections used again it makes {number(_median(kept, 'rate'))}/s",
    )


def _median(rounds: Sequence[Round], name: str) -> float:
    values: list[float] = [getattr(one, name) for one in rounds]
    return median(values)


async def _ours(bus: Bus, port: int, targets: int) -> Round:
    """Let a worker deliver all that waits; the clock starts when the first tenth has arrived."""
    names = [f"crm-{one + 1}" for one in range(targets)]
    declare(bus, {name: crm(port, concurrency=AT_ONCE) for name in names})
    let_wait(bus, names, EACH[targets])
    worker = psutil.Process(bus.start("worker", "--stages", "delivery"))
    everything = EACH[targets] * targets

    async def settled(share: float) -> None:
        async def there() -> bool:
            done = bus.query("SELECT count(*) FROM deliveries WHERE state = 'done'")[0][0]
            return bool(done >= everything * share)

        await until(there, within_s=300, each_s=0.1)

    await settled(0.1)
    done = bus.query("SELECT count(*) FROM deliveries WHERE state = 'done'")[0][0]
    before = _spent(worker), _postgres(bus)
    await settled(1)
    after = _spent(worker), _postgres(bus)
    bus.stop("worker")
    ((count, lasted),) = bus.query(_SPAN, everything // 10)
    cpu, postgres = ((then - now) / (everything - done) * 1000 for now, then in zip(before, after, strict=True))
    return Round(rate=count / lasted, cpu_ms=cpu, postgres_ms=postgres)


def _spent(process: psutil.Process) -> float:
    user, system, *_ = process.cpu_times()
    return float(user + system)


def _postgres(bus: Bus) -> float:
    pids = bus.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ticketbus'"
    )
    return sum(_spent(psutil.Process(pid)) for (pid,) in pids if psutil.pid_exists(pid))


async def _bare(bus: Bus, bodies: Path, port: int, targets: int, how: str) -> Round:
    url = f"http://127.0.0.1:{port}/callbacks"
    arguments = [url, str(bodies), str(targets), str(AT_ONCE), str(EACH[targets]), how]
    command = [sys.executable, "-m", "bench.bare_calls", *arguments]
    loop = await asyncio.create_subprocess_exec(*command, env=bus.environment, stdout=subprocess.PIPE)
    async with asyncio.timeout(300):
        told, _ = await loop.communicate()
    assert loop.returncode == 0
    return Round(**json.loads(told))
