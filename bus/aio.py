"""asyncio with an end: waiting for an event but not for ever, work but not past a stop, and tasks that do end."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")
CANCEL_AGAIN_S = 0.5  # a library that swallows one cancellation is cancelled again


@dataclass(slots=True)
class Backoff:
    """Pauses that double while nothing comes: a poll is quick after something happened, and costs nothing at rest."""

    shortest_s: float
    longest_s: float
    _next_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again with the shortest pause."""
        self._next_s = self.shortest_s

    def pause_s(self) -> float:
        """Give the pause to make now, in seconds; the one after it is twice as long, up to the longest."""
        pause_s, self._next_s = self._next_s, min(self._next_s * 2, self.longest_s)
        return pause_s


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but no longer than that."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def unless(stopping: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Do the work, or give it up as soon as `stopping` is set: then None, and what it cleans up is done.

    Raises what the work raises before that.
    """
    doing, halt = asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((doing, halt), return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        for task in (doing, halt):
            task.cancel()
        await asyncio.gather(doing, halt, return_exceptions=True)


async def until_one_ends(*works: Coroutine[Any, Any, Any]) -> None:
    """Do works side by side until one of them ends; the others are cancelled. Raises what the one raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_all(tasks)
    for task in done:
        if not task.cancelled():
            task.result()


async def cancel_all(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait until all have ended, whatever they end with. Idempotent."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


class CancelledWithin(Exception):
    """What a task awaited was cancelled, and nobody cancelled the task."""


@contextmanager
def cancellation_as_error() -> Iterator[None]:
    """Turn a cancellation that nobody asked of this task into CancelledWithin: a library abandoned what it awaits."""
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CancelledWithin("a library cancelled what was awaited") from error
