"""The pipe that a command writes into: who reads it may go while nothing is written."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def ended_by_its_reader() -> AsyncIterator[None]:
    """Raise BrokenPipeError in the block as soon as who reads the output has gone, as `tail --follow` ends.

    A write alone notices it, which may be hours away where events are rare.
    """
    output = sys.__stdout__.fileno() if sys.__stdout__ else -1
    if output < 0 or not stat.S_ISFIFO(os.fstat(output).st_mode):
        yield
        return
    loop, block = asyncio.get_running_loop(), asyncio.current_task()
    gone = False

    def end() -> None:
        nonlocal gone
        gone = True
        loop.remove_reader(output)
        if block:
            block.cancel()

    loop.add_reader(output, end)  # the end that is written to becomes readable by its error alone
    try:
        yield
    except asyncio.CancelledError:
        if not gone:
            raise
        if block:
            block.uncancel()
        raise BrokenPipeError from None
    finally:
        loop.remove_reader(output)
