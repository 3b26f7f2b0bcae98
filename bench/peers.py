"""The same live fold on this bus, on FastStream and on Quix Streams: a burst meets each while it is up and idle."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any, Final

import psutil
from aiokafka import AIOKafkaProducer

from bench.bus import Bus, until
from bench.figure import Figure
from bench.fold import make_table
from bench.records import bare_producer, make_topic, records, send_all
from bench.seed import seed
from bus.app import Core
from bus.postgres.pool import connected

PEERS_PYTHON: Final = Path(sys.prefix) / "peers" / "bin" / "python"  # `make bench` makes it: their pins are not ours
_WARM: Final = 600
_BURST: Final = 15_000
_TURNS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who folds: a program of the bench and the Python that has its libraries."""

    name: str
    about: str
    module: str
    python: Path = Path(sys.executable)


CONTENDERS: Final = (
    Contender(name="ours", about="ours", module="bench.fold_ours"),
    Contender(
        name="faststream",
        about="FastStream, batches of at most 2,000",
        module="bench.fold_faststream",
        python=PEERS_PYTHON,
    ),
    Contender(
        name="quix",
        about="Quix Streams, its state and PostgreSQL sink",
        module="bench.fold_quix",
        python=PEERS_PYTHON,
    ),
)


@dataclass(slots=True, kw_only=True)
class Runner:
    """A contender that is up, and what it has shown in each turn: events a second, and CPU of its own."""

    contender: Contender
    topic: str
    table: str
    process: psutil.Process
    per_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def cpu_us(self) -> float:
        """Tell its CPU for an event, over all turns."""
        return self.cpu_s / (_BURST * len(self.per_s)) * 1e6


async def run(bus: Bus) -> list[Figure]:
    """Let each fold the same bursts, in turns, so that a busy moment of the machine falls on all of them."""
    if not PEERS_PYTHON.exists():
        raise RuntimeError(f"{PEERS_PYTHON} is not there: `make bench` installs bench/requirements-peers.lock for it")
    async with bus.core() as core:
        events = _WARM + _BURST * _TURNS
        await seed(core, rows=events * 3 // 4, published=False)
        sent, producer = await records(core, events), bare_producer(bus)
        assert len(sent) == events
        await producer.start()
        try:
            runners = [await _started(bus, core, one, producer, sent[:_WARM]) for one in CONTENDERS]
            for turn in range(_TURNS):
                start = _WARM + turn * _BURST
                for runner in runners:
                    await _turn(core, runner, producer, sent[start : start + _BURST], start + _BURST)
        finally:
            await producer.stop()
    ours, *others = runners
    return [_figure(ours, other) for other in others]


def _figure(ours: Runner, other: Runner) -> Figure:
    mine, theirs = median(ours.per_s), median(other.per_s)
    return Figure(
        name=f"live fold of a burst of {_BURST:,}, beside {other.contender.about}",
        value=mine,
        unit="events/s",
        against=f"{other.contender.about}: {theirs:,.0f}/s",
        ratio=mine / theirs,
        goal="≥ 1×",
        note=f"own CPU an event: ours {ours.cpu_us:.0f} µs, theirs {other.cpu_us:.0f} µs; medians of {_TURNS} turns",
    )


async def _started(
    bus: Bus, core: Core, contender: Contender, producer: AIOKafkaProducer, sent: Sequence[dict[str, Any]]
) -> Runner:
    """Start it and wait until it has joined its group and folded a little."""
    topic, table = await make_topic(bus, f"bench.{contender.name}"), f"fold_{contender.name}"
    make_table(bus.database_url, table)
    pid = bus.start_process(contender.name, contender.module, topic, table, python=contender.python)
    await send_all(producer, topic, sent)
    try:
        await _folded(core, table, len(sent), within_s=60)
    except TimeoutError as error:
        raise RuntimeError(f"{contender.name} does not fold: {bus.last_words(contender.name)}") from error
    return Runner(contender=contender, topic=topic, table=table, process=psutil.Process(pid))


async def _turn(
    core: Core, runner: Runner, producer: AIOKafkaProducer, sent: Sequence[dict[str, Any]], total: int
) -> None:
    """Hold it while the burst arrives, then let it go: the producer costs it nothing."""
    runner.process.suspend()
    try:
        await send_all(producer, runner.topic, sent)
    finally:
        cpu, began = sum(runner.process.cpu_times()[:2]), monotonic()
        runner.process.resume()
    await _folded(core, runner.table, total, within_s=120)
    runner.per_s.append(len(sent) / (monotonic() - began))
    runner.cpu_s += sum(runner.process.cpu_times()[:2]) - cpu


async def _folded(core: Core, table: str, events: int, *, within_s: float) -> None:
    """Wait until so many events are in the table: versions begin at 1 and have no gap."""

    async def all_in() -> bool:
        async with connected(core.pool) as connection:
            found = await connection.execute(f"SELECT sum(version) FROM {table}".encode())  # noqa: S608 - our own name
            row = await found.fetchone()
        return bool(row and row[0] == events)

    await until(all_in, within_s=within_s, each_s=0.05)
