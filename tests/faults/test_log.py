"""What stands wrongly on the log, or is read from the wrong place: repeats, disorder, gaps, poison change nothing."""

from random import Random

from schemas.topics import LOG, physical
from tests.bus_under_test import Bus, eventually
from tests.faults.checker import Fault
from tests.faults.records import UNKNOWN_SCHEMA, append, foreign, garbage, move_group, records_of, repeats, with_nul
from tests.faults.trial import trial

STAGES = ("projections", "delivery")
# What is put onto the log past the relay is found there, of course.
PUT_THERE = (Fault.INVERSION, Fault.UNLOGGED)


async def test_a_group_moved_forward_leaves_no_gap(bus: Bus, rng: Random) -> None:
    async with trial(bus, rng) as load:
        await load.answered(150)
        bus.stop("worker")
        await load.answered(150)
        ends = {one.partition: one.offset + 1 for one in await records_of(bus)}
        for stage in STAGES:
            await move_group(bus, stage, ends)
        bus.start("worker")
        await load.answered(50)


async def test_a_group_moved_back_repeats_nothing(bus: Bus, rng: Random) -> None:
    async with trial(bus, rng) as load:
        await load.answered(200)
        bus.stop("worker")
        for stage in STAGES:
            await move_group(bus, stage, dict.fromkeys(range(6), 0))
        bus.start("worker")
        await load.answered(50)


async def test_repeats_and_disorder_on_the_log_change_nothing(bus: Bus, rng: Random) -> None:
    async with trial(bus, rng, besides=PUT_THERE) as load:
        for _ in range(3):
            await load.answered(100)
            await append(bus, repeats(await records_of(bus), rng, most=100))


async def test_poison_in_the_log_is_kept_and_passed(bus: Bus, rng: Random) -> None:
    topic = physical(bus.settings.namespace, LOG)
    async with trial(bus, rng, besides=PUT_THERE) as load:
        await load.answered(100)
        opened = next(one for one in await records_of(bus) if ("ticket-version", b"1") in one.headers)
        async with bus.core() as core:
            nul = with_nul(core.codec, core.codec.decode(opened.value or b""))
        poisons = [UNKNOWN_SCHEMA, b"", *(garbage(rng) for _ in range(20)), nul]
        for value in poisons:
            await append(bus, [foreign(topic, rng.randrange(6), value)])
        await load.answered(100)

    async def kept() -> bool:
        bodies = bus.query("SELECT body FROM refused_inputs WHERE origin = 'log'")
        return set(await bus.opened_inputs(*(body for (body,) in bodies))) == set(poisons)

    await eventually(kept, what=lambda: bus.log_of("worker")[-1500:])
