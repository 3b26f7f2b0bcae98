"""The checker finds each planted bug, and nothing in the same run of the product as it is."""

import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from schemas.topics import LOG, physical
from tests.bus_under_test import Bus, eventually
from tests.faults.checker import Fault, check
from tests.faults.effects import quiet, read_effects
from tests.faults.history import History
from tests.faults.load import Load, load
from tests.faults.planted import planted
from tests.faults.stack import FaultStack
from tests.faults.trial import quiet_s_max, stages_run

SEED = 4
_TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ticketbus'"""
_WRITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
_SPOIL = """
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {how}; RETURN NULL; END';
CREATE TRIGGER spoiled BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION spoil()"""
Disturbance = Callable[[Bus, Load], Awaitable[None]]


@contextmanager
def spoiled(bus: Bus, table: str, how: str) -> Iterator[None]:
    """Let every insert into a table meet with something first."""
    assert bus.settings.database_url
    with psycopg.connect(bus.settings.database_url, autocommit=True) as connection:
        connection.execute(_SPOIL.format(table=table, how=how).encode())
        try:
            yield
        finally:
            connection.execute(b"DROP FUNCTION spoil() CASCADE")


async def cut_connections(bus: Bus, running: Load) -> None:
    """Terminate all connections to the database, again and again, under load."""
    assert bus.settings.database_url
    async with await psycopg.AsyncConnection.connect(bus.settings.database_url, autocommit=True) as connection:
        for _ in range(25):
            await running.answered(4)
            await connection.execute(_TERMINATE)


async def double_everything(_bus: Bus, running: Load) -> None:
    """Let the load's own repeats be enough."""
    await running.answered(150)


async def fill_the_disk(bus: Bus, running: Load) -> None:
    """Let PostgreSQL refuse events for want of space: intake waits on Kafka, and its stage fails as well."""

    async def met() -> bool:
        return any(said in bus.log_of("worker") for said in ('"stage_waits"', '"records_failed"'))

    with spoiled(bus, "events", "RAISE EXCEPTION USING ERRCODE = ''disk_full''"):
        await eventually(met, what="a stage that meets the full disk")
    await running.answered(20)


async def kill_the_worker(bus: Bus, running: Load) -> None:
    """Kill the worker while it writes a read model, which takes it a while."""

    async def writing() -> bool:
        return bool(bus.query(_WRITING))

    with spoiled(bus, "tickets", "PERFORM pg_sleep(0.3)"):
        await eventually(writing, what="a write of the read model")
        bus.stop("worker", signal.SIGKILL)
    bus.start("worker")
    await stages_run(bus)
    await running.answered(40)


async def restart_the_worker(bus: Bus, running: Load) -> None:
    """Stop the worker politely and start it again under load."""
    await running.answered(40)
    assert bus.stop("worker") == 0
    await running.answered(40)
    bus.start("worker")
    await stages_run(bus)
    await running.answered(40)


async def lose_the_leader(stack: FaultStack, bus: Bus, running: Load) -> None:
    """Kill the leader of partitions whose followers stand still, so that it alone has what was written meanwhile."""
    cluster = stack.cluster
    for partition in range(3):  # a pass that waits for a broker that stands still marks nothing
        leader = await cluster.leader_of(physical(bus.settings.namespace, LOG), partition)
        followers = [number for number in cluster.brokers if number != leader]
        for number in followers:
            cluster.pause(number)
        await running.answered(40)  # the relay waits for no more than a moment with what it sends
        cluster.kill(leader)
        for number in followers:
            cluster.resume(number)
        await running.answered(40)
        cluster.start(leader)
        await cluster.ready()


async def judged(bus: Bus, disturb: Disturbance, *, doubled: float = 0.05) -> Counter[Fault]:
    """Run load with a disturbance on a bus, wait until it is quiet and count what the checker finds."""
    with History(bus.folder / "history.jsonl") as history:
        bus.start("gateway")
        bus.start("worker")
        await stages_run(bus)
        await bus.ready()
        async with load(bus, history, seed=SEED, doubled=doubled) as running:
            await running.answered(20)
            await disturb(bus, running)
        await quiet(bus, within_s=quiet_s_max())
        found = check(history.ops(), await read_effects(bus))
    for one in found:
        print(one)  # shown when the test fails
    return Counter(one.fault for one in found)


async def test_repeats_that_are_decided_anew_are_found(bus: Bus) -> None:
    found = await judged(planted(bus, "no_memory"), double_everything, doubled=0.3)
    assert set(found) == {Fault.REPEATED}


async def test_without_a_bug_nothing_is_found_though_connections_are_cut_and_all_is_said_twice(bus: Bus) -> None:
    assert not await judged(bus, cut_connections, doubled=0.3)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("bug", "disturb", "expected"),
    [
        ("answer_before_commit", cut_connections, {Fault.LOST}),
        ("swallowed_exception", fill_the_disk, {Fault.LOST}),
        ("offset_first", kill_the_worker, {Fault.PROJECTION, Fault.LOST}),  # a later event heals a read model
        ("one_too_far", restart_the_worker, {Fault.PROJECTION, Fault.LOST}),
    ],
)
async def test_a_planted_bug_is_found(bus: Bus, bug: str, disturb: Disturbance, expected: set[Fault]) -> None:
    assert set(await judged(planted(bus, bug), disturb)) & expected


@pytest.mark.faults
@pytest.mark.parametrize("disturb", [fill_the_disk, kill_the_worker, restart_the_worker])
async def test_the_same_run_without_the_bug_is_clean(bus: Bus, disturb: Disturbance) -> None:
    assert not await judged(bus, disturb)


@pytest.mark.faults
@pytest.mark.parametrize("bug", ["one_replica_is_enough", ""])
async def test_records_that_one_replica_alone_acknowledged_are_missed(
    three_brokers: FaultStack, replicated_bus: Bus, bug: str
) -> None:
    tried = planted(replicated_bus, bug) if bug else replicated_bus
    found = await judged(tried, partial(lose_the_leader, three_brokers))
    assert (Fault.UNPUBLISHED in found) if bug else not found
