"""What a command costs in every part, with one gateway and one worker and with two of each; and where that ends.

The costs of a machine wholly used are kept in bench/costs.json, from which bench/load_model.py reckons: at a low rate a
command costs more, as less is done in one go. What the model foretells of one core, and of two gateways and workers, is
held against what was measured.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import psutil
import psycopg
from kafka.admin import KafkaAdminClient

from bench.bus import Bus, until
from bench.figure import Figure, number
from bench.idle import postgres_processes
from bench.load_model import Costs, saturated, write_costs
from bench.machine import cpu_s, processor
from bench.outbound import crm, declare, free_port
from bench.traffic import Mixed
from bus.kafka.clients import kafka_options

_RATE: Final = 60.0  # commands a second: less than half of what the machine takes
_WARM_S: Final = 5.0
_STEADY_S: Final = 30.0
_FULL_S: Final = 20.0
_AT_ONCE: Final = 100
_CORES: Final = psutil.cpu_count() or 1
_WAITING: Final = """
SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL)
    + (SELECT count(*) FROM deliveries WHERE state <> 'done')
    + abs((SELECT count(*) FROM events) - (SELECT count(*) FROM deliveries))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """CPU so far in seconds, and bytes so far."""

    cpu_s: Mapping[str, float]
    wal: int
    database: int
    log: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What a command costs at a steady rate and when all is used, and how many a second were delivered then."""

    steady: Costs
    full: Costs
    per_s: float


async def run(bus: Bus) -> list[Figure]:
    """Measure with one of each, the same on one core, and with two of each; keep the costs of one."""
    receiver = free_port()
    bus.start_process("receiver", "bench.receiver", str(receiver))
    declare(bus, {"crm": crm(receiver, concurrency=16)})
    one, narrow, two = await _measured(bus, 1), await _measured(bus, 1, cores=1), await _measured(bus, 2)
    write_costs(one.full)
    bus.stop("receiver")
    return [
        _cpu(one.steady, f"one gateway and one worker, {_RATE:.0f} commands/s"),
        _cpu(one.full, "one gateway and one worker, as many as the machine takes"),
        _cpu(two.steady, f"two gateways and two workers, {_RATE:.0f} commands/s", one.steady),
        _cpu(two.full, "two gateways and two workers, as many as the machine takes", one.full),
        Figure(name="commands until all is delivered, one gateway and one worker", value=one.per_s, unit="commands/s"),
        _foretold("the same on one core", narrow, saturated(one.full, cores=1, gateways=1, workers=1)),
        _foretold("two gateways and two workers", two, saturated(one.full, cores=_CORES, gateways=2, workers=2)),
    ]


def _cpu(costs: Costs, name: str, beside: Costs | None = None) -> Figure:
    whole = _whole(costs)
    return Figure(
        name=f"CPU of a command, {name}",
        value=whole,
        unit="µs",
        against=f"one of each: {number(_whole(beside))} µs" if beside else "",
        ratio=whole / _whole(beside) if beside else None,
        goal="≤ 1.15×" if beside else "",
        note=f"gateways {costs.gateway_us:.0f}, workers {costs.worker_us:.0f} with a delivery each, PostgreSQL "
        f"{costs.postgres_us:.0f}, Kafka {costs.kafka_us:.0f} µs; {costs.postgres_bytes:.0f} bytes in PostgreSQL, "
        f"{costs.wal_bytes:.0f} of write-ahead log, {costs.kafka_bytes:.0f} in Kafka",
    )


def _whole(costs: Costs) -> float:
    return costs.gateway_us + costs.worker_us + costs.postgres_us + costs.kafka_us


def _foretold(name: str, measured: _Measured, expected: float) -> Figure:
    return Figure(
        name=f"… {name}",
        value=measured.per_s,
        unit="commands/s",
        against=f"the load model: {number(expected)}/s",
        ratio=measured.per_s / expected,
    )


async def _measured(bus: Bus, each: int, cores: int = 0) -> _Measured:
    """Start so many of each, send at a steady rate, then as fast as they take it; stop them.

    With `cores` all that takes part, the load generator too, shares that many.
    """
    gateways = {f"gateway-{one}": free_port() for one in range(each)}
    first, urls = bus.environment["TICKETBUS_HTTP_PORT"], [f"http://127.0.0.1:{port}" for port in gateways.values()]
    programs = dict[str, psutil.Process]()
    for name, port in gateways.items():
        bus.environment["TICKETBUS_HTTP_PORT"] = str(port)
        programs[name] = psutil.Process(bus.start_process(name, "bus", "gateway"))
    bus.environment["TICKETBUS_HTTP_PORT"] = first
    for one in range(each):
        programs[f"worker-{one}"] = psutil.Process(bus.start_process(f"worker-{one}", "bus", "worker"))
    traffic = Mixed(urls=urls)
    await traffic.ready()
    with _on_cores(bus, programs, cores):
        await traffic.steady(per_s=_RATE, seconds=_WARM_S)
        await _delivered(bus)
        before = _read(bus, programs)
        sent = await traffic.steady(per_s=_RATE, seconds=0 if cores else _STEADY_S)
        await _delivered(bus)
        between, began = _read(bus, programs), monotonic()
        full = await traffic.flood(at_once=_AT_ONCE, seconds=_FULL_S)
        await _delivered(bus)
        lasted = monotonic() - began
        after = _read(bus, programs)
    for name in programs:
        bus.stop(name)
    return _Measured(
        steady=_costs(before, between, max(1, sent)), full=_costs(between, after, full), per_s=full / lasted
    )


@contextmanager
def _on_cores(bus: Bus, programs: Mapping[str, psutil.Process], cores: int) -> Iterator[None]:
    """Keep all that takes part on the first cores."""
    receiver = psutil.Process(bus.processes["receiver"].pid)
    server = [one for one in postgres_processes(bus) if one.is_running()]
    taking_part = [psutil.Process(), receiver, *programs.values(), *server, *_listening_at(bus.kafka)]
    if cores:
        _pin(taking_part, [*range(cores)])
    try:
        yield
    finally:
        if cores:
            _pin(taking_part, [*range(_CORES)])


def _pin(processes: Sequence[psutil.Process], cores: list[int]) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            for thread in one.threads():
                os.sched_setaffinity(thread.id, cores)  # one's own threads alone would follow `cpu_affinity`


async def _delivered(bus: Bus) -> None:
    """Wait until every event is published and delivered."""

    async def done() -> bool:
        return bool(bus.query(_WAITING)[0][0] == 0)

    await until(done, within_s=300, each_s=0.1)


def _costs(before: _Readings, after: _Readings, commands: int) -> Costs:
    def us(part: str) -> float:
        return (after.cpu_s[part] - before.cpu_s[part]) / commands * 1e6

    return Costs(
        measured_on=f"{datetime.now(UTC):%Y-%m-%d}, {processor()}, {psutil.cpu_count()} cores",
        gateway_us=us("gateway"),
        worker_us=us("worker"),
        postgres_us=us("postgres"),
        kafka_us=us("kafka"),
        generator_us=us("generator"),
        wal_bytes=(after.wal - before.wal) / commands,
        postgres_bytes=(after.database - before.database) / commands,
        kafka_bytes=(after.log - before.log) / commands,
    )


def _read(bus: Bus, programs: Mapping[str, psutil.Process]) -> _Readings:
    own = {name: cpu_s(process) for name, process in programs.items()}
    with psycopg.connect(bus.database_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute(
            "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_database_size(current_database())"
        ).fetchone()
    assert row
    return _Readings(
        cpu_s={
            "gateway": sum(spent for name, spent in own.items() if name.startswith("gateway")),
            "worker": sum(spent for name, spent in own.items() if name.startswith("worker")),
            "postgres": sum(map(cpu_s, postgres_processes(bus))),
            "kafka": sum(map(cpu_s, _listening_at(bus.kafka))),
            "generator": cpu_s(psutil.Process()) + cpu_s(psutil.Process(bus.processes["receiver"].pid)),
        },
        wal=int(row[0]),
        database=int(row[1]),
        log=_log_bytes(bus),
    )


def _listening_at(bootstrap: str) -> list[psutil.Process]:
    """Find the broker: it is this machine's, or counts nothing."""
    port = urlsplit(f"//{bootstrap.partition(',')[0]}").port
    listening = (one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    return [psutil.Process(pid) for pid in {one.pid for one in listening if port in (*one.laddr,) and one.pid}]


def _log_bytes(bus: Bus) -> int:
    """Sum what the topics of this bus take on the brokers' disks, each partition once."""
    with closing(KafkaAdminClient(**kafka_options(bus.settings))) as client:
        answers = client.describe_log_dirs()
    sizes = {
        (topic["name"], partition["partition_index"]): partition["partition_size"]
        for answer in answers
        for folder in answer["log_dirs"]
        for topic in folder["topics"]
        if topic["name"].startswith(f"{bus.settings.namespace}.")
        for partition in topic["partitions"]
    }
    return sum(sizes.values())
