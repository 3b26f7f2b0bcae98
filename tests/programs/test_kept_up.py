"""Parts of a worker: one that fails is tried again and said, and ends nothing else."""

import asyncio
from collections.abc import Iterator

import pytest

from bus.alerts.alert import Alert
from bus.domain.errors import InvariantBroken
from bus.programs import kept_up
from bus.programs.kept_up import KeptUp


async def test_kept_up_each_cause_is_said_once_and_the_part_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_up, "PAUSE_S_MIN", 0.001)
    stopping, found = asyncio.Event(), list[Alert]()
    fails: Iterator[Exception] = iter(
        [InvariantBroken("row 7"), InvariantBroken("row 7"), ValueError("13800001111"), InvariantBroken("row 7")]
    )
    troubles = list[str | None]()

    async def run() -> None:
        troubles.append(part.trouble())
        if error := next(fails, None):
            raise error

    part = KeptUp(name="redrives", run=run, report=found.append)
    async with asyncio.timeout(10):
        await part.until(stopping)
    assert troubles == [None, "row 7", "row 7", "ValueError", "row 7"]
    assert [(one.rule, one.about, one.en.rpartition(": ")[2]) for one in found] == [
        ("task_failed", "redrives", "row 7"), ("task_failed", "redrives", "ValueError"),
        ("task_failed", "redrives", "row 7"),
    ]  # fmt: skip
    monkeypatch.setattr(kept_up, "STEADY_S", 0.0)
    assert part.trouble() is None


async def test_kept_up_ends_with_its_program() -> None:
    stopping = asyncio.Event()

    async def run() -> None:
        stopping.set()
        raise InvariantBroken("at the end")

    async with asyncio.timeout(10):
        await KeptUp(name="relay", run=run, report=lambda _: None).until(stopping)


async def test_kept_up_a_cancellation_that_nobody_asked_for_is_a_failure_and_one_that_is_ends_it() -> None:
    runs, again = 0, asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            abandoned = asyncio.get_running_loop().create_future()
            abandoned.cancel()
            await abandoned
        again.set()
        await asyncio.Event().wait()

    alerts = list[Alert]()
    part = KeptUp(name="worker: projections", run=run, report=alerts.append)
    task = asyncio.create_task(part.until(asyncio.Event()))
    await asyncio.wait_for(again.wait(), 30)
    assert [alert.about for alert in alerts] == ["worker: projections"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
