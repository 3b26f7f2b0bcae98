"""A subscriber that keeps coming back, and a stream whose Kafka goes: nothing is lost, nothing comes twice."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import TOKEN, Bus
from tests.faults.stack import FaultStack, running_stack
from tests.fuzz.stream_client import Subscriber, connected, handshake
from tests.fuzz.stream_rig import Named, assert_all_once_in_order, beside, events_of, gateway_on, with_cursor, writing

TOPICS = "topics=ticket.events"
AWAY_S = 12.0


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Run a gateway; it ends well, and without a stack trace in its log."""
    with gateway_on(parts, tmp_path) as running:
        yield running


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[tuple[FaultStack, Bus]]:
    """Run a gateway on a broker that may be paused and killed."""
    with running_stack(brokers=1) as stack, gateway_on(stack.urls, tmp_path) as running:
        yield stack, running


async def subscriber(bus: Bus, cursor: str = "") -> Subscriber:
    query = f"{TOPICS}&cursor={cursor}" if cursor else TOPICS
    return await connected(bus.url, handshake(query, TOKEN), take=with_cursor)


@pytest.mark.parametrize("times", [12, pytest.param(50, marks=pytest.mark.faults)])
async def test_coming_back_again_and_again_under_writing_loses_and_repeats_nothing(bus: Bus, times: int) -> None:
    async with writing(bus) as notes:
        old, one = events_of(bus), await subscriber(bus)
        cursor, had = (await one.have(1))[0][1], list[Named]()
        one.leave()
        async with beside(lambda: notes.note_for_ever(0.1)):
            for turn in range(times):
                one = await subscriber(bus, cursor)
                await one.have(2 + turn % 7 * 10)
                one.leave()  # with a reset: what was on its way is not had
                cursor = _take(one, had)
        new, one = events_of(bus) - old, await subscriber(bus, cursor)
        await one.have(1 + len(new) - len(had))
        _take(one, had)
        one.leave()
    assert_all_once_in_order(had, new)


@pytest.mark.faults
async def test_a_broker_that_stands_still_or_dies_holds_the_stream_up_and_loses_nothing(
    frail: tuple[FaultStack, Bus],
) -> None:
    stack, bus = frail
    async with writing(bus) as notes:
        old, one = events_of(bus), await subscriber(bus)
        cursor, had = (await one.have(1))[0][1], list[Named]()
        async with beside(lambda: notes.note_for_ever(0.5)):
            await one.have(41)
            stack.cluster.pause(1)
            await _away(bus, cursor)
            stack.cluster.resume(1)
            await _caught_up(one, bus, old)
            stack.cluster.kill(1)
            await _away(bus, cursor)
            stack.cluster.start(1)
            await _caught_up(one, bus, old)
        new, late = events_of(bus) - old, await subscriber(bus, cursor)
        for each in (one, late):
            await each.have(1 + len(new), within_s=60)
            had.clear()
            _take(each, had)
            each.leave()
            assert_all_once_in_order(had, new)


async def _away(bus: Bus, cursor: str) -> None:
    """While Kafka is away, who comes back is sent away with the reason or waits; other doors answer."""
    until = time.monotonic() + AWAY_S
    comer = await subscriber(bus, cursor)
    async with bus.client() as http:
        while time.monotonic() < until:
            assert (await http.get("/v1/topics")).status_code == 200
            await asyncio.sleep(0.2)
    if comer.ended.is_set():
        assert comer.closed.code == 1013, comer.closed
    comer.leave()


async def _caught_up(one: Subscriber, bus: Bus, old: set[Named]) -> None:
    """Wait until a subscriber has had what was committed until now; it was not sent away meanwhile."""
    await one.have(1 + len(events_of(bus) - old), within_s=90)


def _take(one: Subscriber, had: list[Named]) -> str:
    """Take over what a subscriber had, and its last cursor."""
    had += [name for name, _ in one.got if not isinstance(name, str)]
    return str(one.got[-1][1])
