"""Ending tasks for sure: a library that swallows one cancellation is asked again."""

import asyncio
from collections.abc import Iterable
from typing import Any

ASK_AGAIN_S = 0.5


async def cancel_all(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait until all have ended, whatever they end with. Idempotent."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=ASK_AGAIN_S)
