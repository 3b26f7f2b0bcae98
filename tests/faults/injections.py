"""Faults by name: each strikes when its block begins and is healed, as far as it can be, when the block ends."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Final

from schemas.topics import LOG, load_contract, physical
from tests.bus_under_test import Bus
from tests.faults.stack import FaultStack

Injection = Callable[[FaultStack, Bus, Random], AbstractAsyncContextManager[None]]
LEADERS_EVERY_S: Final = 5.0
WORKERS_EVERY_S: Final = 7.0


@asynccontextmanager
async def leader_killed(stack: FaultStack, bus: Bus, rng: Random) -> AsyncIterator[None]:
    """Kill the broker that leads some partition of the log; afterwards it is back and in sync."""
    topic = physical(bus.settings.namespace, LOG)
    stack.cluster.kill(await stack.cluster.leader_of(topic, rng.randrange(_partitions())))
    try:
        yield
    finally:
        stack.cluster.heal()
        await stack.cluster.ready()


@asynccontextmanager
async def leader_paused(stack: FaultStack, bus: Bus, rng: Random) -> AsyncIterator[None]:
    """Let the broker that leads some partition of the log stand still; afterwards it goes on where it was."""
    topic = physical(bus.settings.namespace, LOG)
    number = await stack.cluster.leader_of(topic, rng.randrange(_partitions()))
    stack.cluster.pause(number)
    try:
        yield
    finally:
        stack.cluster.resume(number)
        await stack.cluster.ready()


@asynccontextmanager
async def two_brokers_down(stack: FaultStack, _bus: Bus, rng: Random) -> AsyncIterator[None]:
    """Kill two of three brokers: nothing can be acknowledged. Afterwards they are back and in sync."""
    for number in rng.sample(stack.cluster.up, 2):
        stack.cluster.kill(number)
    try:
        yield
    finally:
        stack.cluster.heal()
        await stack.cluster.ready()


@asynccontextmanager
async def leaders_moving(stack: FaultStack, bus: Bus, _rng: Random) -> AsyncIterator[None]:
    """Move the leaders of all the bus's topics every few seconds."""
    topics = [physical(bus.settings.namespace, name) for name in load_contract().topics]

    async def move() -> None:
        while True:
            await stack.cluster.move_leaders(topics)
            await asyncio.sleep(LEADERS_EVERY_S)

    async with _meanwhile(move):
        yield


@asynccontextmanager
async def postgres_restarted(stack: FaultStack, _bus: Bus, _rng: Random) -> AsyncIterator[None]:
    """Stop PostgreSQL without a checkpoint and start it again at once, before the block."""
    stack.database.restart_immediate()
    yield


@asynccontextmanager
async def backends_terminated(stack: FaultStack, bus: Bus, _rng: Random) -> AsyncIterator[None]:
    """Cut every connection to the bus's database, once, before the block."""
    stack.database.terminate_backends(bus)
    yield


@asynccontextmanager
async def postgres_away(stack: FaultStack, _bus: Bus, _rng: Random) -> AsyncIterator[None]:
    """Let PostgreSQL be down for as long as the block lasts."""
    stack.database.stop()
    try:
        yield
    finally:
        stack.database.start()


@asynccontextmanager
async def workers_come_and_go(_stack: FaultStack, bus: Bus, rng: Random) -> AsyncIterator[None]:
    """Let a second worker join every few seconds and leave, politely or killed: each time all stages rebalance."""
    folder = bus.folder / "second"
    folder.mkdir(exist_ok=True)
    second = replace(bus, folder=folder, processes={}, began_at={}, module="bus")

    async def join_and_leave() -> None:
        while True:
            second.start("worker")
            await asyncio.sleep(WORKERS_EVERY_S)
            how = rng.choice([signal.SIGTERM, signal.SIGKILL])
            await asyncio.to_thread(second.stop, "worker", how)  # the load goes on meanwhile
            await asyncio.sleep(WORKERS_EVERY_S)

    try:
        async with _meanwhile(join_and_leave):
            yield
    finally:
        for process in second.processes.values():
            process.kill()
            process.wait()


@asynccontextmanager
async def _meanwhile(work: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Do something while the block lasts; what it fails with fails the block."""
    task = asyncio.create_task(work())
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _partitions() -> int:
    return load_contract().topics[LOG].partitions
