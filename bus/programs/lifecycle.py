"""A program's lifecycle: runs its tasks until it is stopped or one of them fails."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any

import structlog

from bus.aio import unless
from bus.app import Core, open_core
from bus.observability.otlp import end_exports
from bus.postgres.pool import in_transaction
from bus.privacy import new_log
from bus.settings import Settings

STOP_S_MAX = 12.0
CANCEL_S_MAX = 3.0
FOR_EVER = float("inf")  # a program waits for its database; a command says that it is away
log = structlog.get_logger()


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set the event on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


async def serve_until_stopped(
    settings: Settings,
    connections: int,
    serve: Callable[[Core, asyncio.Event], Coroutine[Any, Any, None]],
    *,
    answer_s_max: float | None = None,
) -> None:
    """Open the core, waiting for its database as long as it takes, and serve on it until SIGTERM or Ctrl-C.

    Its connections wait `answer_s_max` for an answer, if given. Raises NotMigrated while `privacy migrate` has begun a
    new log and not ended it.
    """
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    async with AsyncExitStack() as stack:
        opening = stack.enter_async_context(
            open_core(settings, connections=connections, patience_s=FOR_EVER, answer_s_max=answer_s_max)
        )
        core = await unless(stopping, opening)
        if core is not None:
            await in_transaction(core.pool, new_log.check_ended)
            await serve(core, stopping)


async def run_until_stopped(tasks: Mapping[str, Coroutine[Any, Any, None]], stopping: asyncio.Event) -> None:
    """Run all until `stopping` is set; then give them a moment to end and cancel what does not.

    A task that fails stops the program; its supervisor restarts it. Raises that task's exception.
    """
    running = [asyncio.create_task(work, name=name) for name, work in tasks.items()]
    halt = asyncio.create_task(stopping.wait(), name="stopping")
    try:
        await asyncio.wait((*running, halt), return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            if task.done() and not stopping.is_set():
                cause = "cancelled" if task.cancelled() else repr(task.exception())
                log.error("task_ended", task=task.get_name(), cause=cause)
        stopping.set()
        await asyncio.wait(running, timeout=STOP_S_MAX)
    finally:
        for each in (*running, halt):
            each.cancel()
        ended, _swallowed = await asyncio.wait(running, timeout=CANCEL_S_MAX)
    for task in ended:
        if not task.cancelled() and (error := task.exception()):
            raise error


async def end_with_leftovers() -> None:
    """End the process if a library has left tasks or threads behind that would keep it: all that matters is done."""
    own = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not own]
    for task in tasks:
        task.cancel()
    alive = (await asyncio.wait(tasks, timeout=CANCEL_S_MAX))[1] if tasks else set()
    threads = [one.name for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    if alive or threads:
        log.warning("left_behind", tasks=[task.get_name() for task in alive], threads=threads)
        end_exports()
        sys.stderr.flush()
        os._exit(0)
