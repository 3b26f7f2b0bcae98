"""The same commands at 10 thousand and at 1 million tickets: CPU for each in every process, and resident memory."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from uuid import uuid4

import httpx2
import psutil
import psycopg

from bench.bus import TOKEN, Bus, until
from bench.figure import Figure
from bench.seed import seed
from bench.traffic import NOTE, ticket
from bus.app import Core
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import connected
from projections.read_models import TICKET_MODELS
from schemas.topics import LOG, physical

_COPIES: Final = 81  # of 12,398 tickets
_ROWS: Final = 71_000
_WARM: Final = 600
_MEASURED: Final = 6_000
_AT_ONCE: Final = 20
_STANDS: Final = "SELECT handler, sum(next_offset) FROM stage_offsets WHERE topic = %s GROUP BY handler"
_TABLES: Final = (
    "events, ticket_states, ticket_names, commands, outbox, tickets, device_history, sla_tickets, sla_clocks, "
    "ticket_outcomes, delivery_versions"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU of a command in the gateway with its relay, in the worker, in PostgreSQL; resident memory of the two."""

    tickets: int
    gateway_us: float
    worker_us: float
    postgres_us: float
    gateway_mib: float
    worker_mib: float
    database_gib: float


async def run(bus: Bus) -> list[Figure]:
    """Import the log, measure, copy every ticket 81 times, measure again. Takes half an hour and 25 GB of disk."""
    async with bus.core() as core:
        await seed(core, rows=_ROWS)
        await core.relay.close()
        bus.start("worker")  # catches up with the past; what is measured are fresh processes, both times
        await _projected(bus, core)
        await asyncio.to_thread(bus.stop, "worker")
        _settle(bus)
        small = await _cost(bus, core)
        with psycopg.connect(bus.database_url, autocommit=True) as connection:
            for name in ("copies_of_events.sql", "copies.sql"):
                text = Path(__file__).with_name(name).read_text().format(copies=_COPIES)
                await asyncio.to_thread(connection.execute, text.encode())
        _settle(bus)
        large = await _cost(bus, core)
    return _figures(small, large)


def _figures(small: Cost, large: Cost) -> list[Figure]:
    at, before = f"at {large.tickets:,} tickets", f"at {small.tickets:,}"
    suite = f"database {large.database_gib:.1f} GiB, memory {psutil.virtual_memory().total / 2**30:.0f} GiB"
    costs = (
        ("all", sum(_cpu(large)), sum(_cpu(small)), "≤ 1.15×", suite),
        *((name, one, other, "", "") for name, one, other in zip(_WHO, _cpu(large), _cpu(small), strict=True)),
    )
    memory = (
        ("gateway", large.gateway_mib, small.gateway_mib),
        ("worker", large.worker_mib, small.worker_mib),
    )
    return [
        *(
            Figure(
                name=f"CPU of a command {at}, {who}",
                value=one,
                unit="µs",
                against=f"{before}: {other:,.0f} µs",
                ratio=one / other,
                goal=goal,
                note=note,
            )
            for who, one, other, goal, note in costs
        ),
        *(
            Figure(
                name=f"memory of the {who} {at}",
                value=one,
                unit="MiB",
                against=f"{before}: {other:.0f} MiB",
                ratio=one / other,
            )
            for who, one, other in memory
        ),
    ]


_WHO: Final = ("gateway", "worker", "PostgreSQL")


def _cpu(cost: Cost) -> tuple[float, float, float]:
    return cost.gateway_us, cost.worker_us, cost.postgres_us


def _settle(bus: Bus) -> None:
    """Let no vacuum and no checkpoint of what was loaded fall into what is measured."""
    with psycopg.connect(bus.database_url, autocommit=True) as connection:
        connection.execute(f"VACUUM (ANALYZE) {_TABLES}".encode())
        connection.execute("CHECKPOINT")


async def _cost(bus: Bus, core: Core) -> Cost:
    gateway, worker = psutil.Process(bus.start("gateway")), psutil.Process(bus.start("worker"))
    await bus.ready()
    tickets, chosen = await _chosen(core)
    await _commands(bus, chosen[:_WARM])
    await _projected(bus, core)
    before = _spent(gateway), _spent(worker), _postgres(bus)
    await _commands(bus, chosen[_WARM:])
    await _projected(bus, core)
    after = _spent(gateway), _spent(worker), _postgres(bus)
    spent = [(then - now) / _MEASURED * 1e6 for now, then in zip(before, after, strict=True)]
    memory = [one.memory_info().rss / 2**20 for one in (gateway, worker)]
    with psycopg.connect(bus.database_url) as connection:
        ((size,),) = connection.execute("SELECT pg_database_size(current_database())").fetchall()
    await asyncio.to_thread(bus.stop, "worker")
    await asyncio.to_thread(bus.stop, "gateway")
    return Cost(
        tickets=tickets,
        gateway_us=spent[0],
        worker_us=spent[1],
        postgres_us=spent[2],
        gateway_mib=memory[0],
        worker_mib=memory[1],
        database_gib=size / 2**30,
    )


async def _chosen(core: Core) -> tuple[int, list[str]]:
    """Count the tickets, and choose some all over the table, in no order."""
    async with connected(core.pool) as connection:
        row = await (await connection.execute("SELECT count(*) FROM ticket_states")).fetchone()
        assert row
        percent = min(100.0, 300 * (_WARM + _MEASURED) / row[0])
        query = "SELECT ticket_id FROM ticket_states TABLESAMPLE bernoulli (%s) REPEATABLE (4)"
        found = await (await connection.execute(query, (percent,))).fetchall()
    return row[0], Random(4).sample([ticket_id for (ticket_id,) in found], _WARM + _MEASURED)  # noqa: S311 - no secret


def _spent(process: psutil.Process) -> float:
    user, system, *_ = process.cpu_times()
    return float(user + system)


def _postgres(bus: Bus) -> float:
    """Sum the CPU of this database's connections; they are this machine's processes, or count nothing."""
    with psycopg.connect(bus.database_url) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ticketbus'"
        ).fetchall()
    total = 0.0
    for (pid,) in found:
        with suppress(psutil.NoSuchProcess):
            total += _spent(psutil.Process(pid))
    return total


async def _commands(bus: Bus, ids: Sequence[str]) -> None:
    """Note something on each of these tickets; with every fourth a new one is opened instead."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    waiting = iter(enumerate(ids))
    async with httpx2.AsyncClient(base_url=bus.url, headers=headers, timeout=20, trust_env=False) as http:

        async def work() -> None:
            for number, ticket_id in waiting:
                key = uuid4().hex
                path, body = ("", ticket(key)) if number % 4 == 0 else (f"/{ticket_id}/note", NOTE)
                answer = await http.post(f"/v1/tickets{path}", json=body, headers={"Idempotency-Key": key})
                assert answer.is_success, answer.text

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())


async def _projected(bus: Bus, core: Core) -> None:
    """Wait until all is published and every read model of tickets stands at the log's end."""
    topic, partitions = physical(bus.settings.namespace, LOG), range(core.contract.topics[LOG].partitions)
    async with open_reader(bus.settings) as reader:

        async def done() -> bool:
            async with connected(core.pool) as connection:
                found = await connection.execute("SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1")
                if await found.fetchone():
                    return False
                found = await connection.execute(_STANDS, (topic,))
                stands = {handler: int(at) for handler, at in await found.fetchall()}
            end = sum((await reader.ends(topic, partitions)).values())
            return stands.keys() >= TICKET_MODELS.keys() and set(stands.values()) == {end}

        await until(done, within_s=300, each_s=0.2)
