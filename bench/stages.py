"""Stages, far behind and under a burst, beside a Faust agent that does nothing; a rebuild beside a plain loop."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic, process_time
from typing import Any, Final

import psutil

from bench.bus import Bus, until
from bench.figure import Figure
from bench.plain_loop import plain_loop
from bench.records import PARTITIONS, bare_producer, make_topic, records, send_all
from bench.seed import seed
from bus.app import Core
from bus.intake.dispatch import utc_now
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import connected
from bus.stage.runner import Runner
from bus.wire.event_reader import EventReader
from projections.read_models import TICKET_MODELS
from projections.rebuild import rebuild
from projections.store import ProjectionHandler
from projections.tickets import TICKETS

_BEHIND: Final = 60_000
_BURST: Final = 30_000
CLEAR: Final = (
    "TRUNCATE stage_offsets, stage_batches, tickets, device_history, sla_tickets, sla_clocks, ticket_outcomes"
)
_DONE: Final = "SELECT handler, sum(next_offset)::bigint FROM stage_offsets WHERE topic = %s GROUP BY handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Events a second, and the process's own CPU for each."""

    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One contender: what waited while it was not there, and a burst while it was up and idle."""

    behind: Score
    live: Score


async def run(bus: Bus) -> list[Figure]:
    """Let the agent, then our stages, meet the same records, each on a topic of its own; then build a read model."""
    async with bus.core(connections=8) as core:
        await seed(core, rows=(_BEHIND + _BURST) * 2 // 3 + 2000, published=False)
        sent = await records(core, _BEHIND + _BURST)
        agent = await _scores(bus, core, "noop", sent, ())
        two = await _scores(bus, core, "two", sent, ("tickets", "history"))
        every = await _scores(bus, core, "every", sent, tuple(TICKET_MODELS))
        figures = [*_figures("2 read models", two, agent, judged=False)]
        figures += _figures(f"projections ({len(TICKET_MODELS)} read models)", every, agent, judged=True)
        return [*figures, await _rebuilt(bus, core, sent)]


def _figures(name: str, ours: Scores, agent: Scores, *, judged: bool) -> Iterable[Figure]:
    meets = (
        ("behind by", _BEHIND, ours.behind, agent.behind, "≥ 2×"),
        ("live, a burst of", _BURST, ours.live, agent.live, "≥ 0.9×"),
    )
    for what, events, score, bare, goal in meets:
        yield Figure(
            name=f"{name}, {what} {events:,}",
            value=score.per_s,
            unit="events/s",
            against=f"a Faust agent that does nothing: {bare.per_s:,.0f}/s",
            ratio=score.per_s / bare.per_s,
            goal=goal if judged else "",
            note=f"own CPU an event: {score.cpu_us:.0f} µs, the agent's {bare.cpu_us:.0f} µs; "
            "reading, decoding and folding are one thread's work",
        )


async def _scores(bus: Bus, core: Core, name: str, sent: Sequence[dict[str, Any]], models: Sequence[str]) -> Scores:
    """Start it before a full topic; then hold it while the burst arrives, so that the producer costs it nothing."""
    async with connected(core.pool) as connection:
        await connection.execute(CLEAR.encode())
    topic, producer = await make_topic(bus, f"bench.stages.{name}"), bare_producer(bus)
    await producer.start()
    try:
        await send_all(producer, topic, sent[:_BEHIND])
        module, arguments = ("stage_ours", models) if models else ("agent_noop", (str(_BEHIND), str(len(sent))))
        process = psutil.Process(bus.start_process(name, f"bench.{module}", topic, *arguments))
        began = await _said(bus, name, "began")
        cpu = _cpu_s(process)
        done = await _reached(bus, core, name, topic, models, events=_BEHIND)
        behind = Score(per_s=_BEHIND / (done - began), cpu_us=(_cpu_s(process) - cpu) / _BEHIND * 1e6)
        os.kill(process.pid, signal.SIGSTOP)
        await send_all(producer, topic, sent[_BEHIND:])
    finally:
        await producer.stop()
    cpu, began = _cpu_s(process), monotonic()
    os.kill(process.pid, signal.SIGCONT)
    done = await _reached(bus, core, name, topic, models, events=len(sent))
    live = Score(per_s=_BURST / (done - began), cpu_us=(_cpu_s(process) - cpu) / _BURST * 1e6)
    await asyncio.to_thread(bus.stop, name)
    return Scores(behind=behind, live=live)


async def _reached(bus: Bus, core: Core, name: str, topic: str, models: Sequence[str], *, events: int) -> float:
    """Wait until so many events are seen by the agent, or have taken effect in every read model; gives when."""
    if not models:
        return await _said(bus, name, str(events))

    async def everywhere() -> bool:
        async with connected(core.pool) as connection:
            found: dict[str, int] = dict(await (await connection.execute(_DONE, (topic,))).fetchall())
        return found == dict.fromkeys(models, events)

    await _patiently(bus, name, everywhere)
    return monotonic()


async def _said(bus: Bus, name: str, word: str) -> float:
    """Wait until the program says the word, and give the time that it says with it."""
    found: list[float] = []

    async def said() -> bool:
        lines = (line.split() for line in bus.last_words(name).splitlines())
        found.extend(float(line[1]) for line in lines if len(line) == 2 and line[0] == word)
        return bool(found)

    await _patiently(bus, name, said)
    return found[0]


async def _patiently(bus: Bus, name: str, holds: Callable[[], Any]) -> None:
    try:
        await until(holds, within_s=120)
    except TimeoutError as error:
        raise SystemExit(f"{name} does not get there: {bus.last_words(name)}") from error


def _cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


async def _rebuilt(bus: Bus, core: Core, sent: Sequence[dict[str, Any]]) -> Figure:
    """Build `tickets` again as `projection rebuild` does, then let a plain loop make a table of the same rows."""
    topic = await make_topic(bus, "bench.stages.rebuilt")
    producer = bare_producer(bus)
    await producer.start()
    await send_all(producer, topic, sent)
    await producer.stop()
    async with open_reader(bus.settings) as reader:
        runner = Runner(topic=topic, pool=core.pool, reader=reader, now=utc_now, report=core.alerts)
        handler = ProjectionHandler(TICKETS, EventReader(decode=core.codec.decode))
        began, cpu = monotonic(), process_time()
        built = await rebuild(handler, topic=topic, partitions=PARTITIONS, pool=core.pool, runner=runner, reader=reader)
        ours = Score(per_s=built.records / (monotonic() - began), cpu_us=(process_time() - cpu) / built.records * 1e6)
    began, cpu = monotonic(), process_time()
    read = await plain_loop(bus, core, topic)
    bare = Score(per_s=read / (monotonic() - began), cpu_us=(process_time() - cpu) / read * 1e6)
    return Figure(
        name=f"rebuild of the read model tickets, {built.records:,} events",
        value=ours.per_s,
        unit="events/s",
        against=f"a plain loop that reads, decodes, folds and upserts the same: {bare.per_s:,.0f}/s",
        ratio=ours.per_s / bare.per_s,
        goal="≥ 0.75×",
        note=f"CPU an event: {ours.cpu_us:.0f} µs, the loop's {bare.cpu_us:.0f} µs",
    )
