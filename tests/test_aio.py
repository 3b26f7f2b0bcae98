"""Waiting ends: with the event, with the time, with the work, or with the stop."""

import asyncio
from time import monotonic

import pytest

from bus.aio import unless, until_one_ends, wait


async def test_aio_waiting_ends_with_the_event_or_with_the_time() -> None:
    event, began = asyncio.Event(), monotonic()
    await wait(event, 0.05)
    assert not event.is_set()
    event.set()
    await wait(event, 60)
    assert monotonic() - began < 10


async def test_aio_work_that_ends_gives_what_it_gives() -> None:
    async def work() -> int:
        return 7

    async def fail() -> None:
        raise KeyError("x")

    assert await unless(asyncio.Event(), work()) == 7
    with pytest.raises(KeyError):
        await unless(asyncio.Event(), fail())


async def test_aio_a_stop_ends_the_work_once_it_has_cleaned_up() -> None:
    stopping, cleaned = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()
        return 7

    asyncio.get_running_loop().call_later(0.01, stopping.set)
    assert await unless(stopping, work()) is None
    assert cleaned.is_set()


async def test_aio_whoever_is_cancelled_meanwhile_takes_the_work_along() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(unless(asyncio.Event(), work()))
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), ended.is_set()) == (True, True)


async def test_aio_until_one_ends_cancels_the_others_and_raises_what_the_one_raised() -> None:
    cancelled = asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    await asyncio.wait_for(until_one_ends(never(), asyncio.sleep(0)), 60)
    assert cancelled.is_set()
    with pytest.raises(KeyError):
        await asyncio.wait_for(until_one_ends(never(), fail()), 60)
