"""The watch: this host's heartbeat and disk."""

import asyncio

from bus.app import open_core
from bus.dispatch import utc_now
from bus.programs.running import FOR_EVER, cancelled_at_stop, run_until_stopped, stop_on_signals
from bus.settings import Settings
from bus.watch import watch


async def run_watch(settings: Settings) -> None:
    """Send readings of the disk that holds the data directory, until SIGTERM or Ctrl-C."""
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    async with open_core(settings, connections=1, patience_s=FOR_EVER) as core:
        path = settings.data if settings.data.exists() else settings.data.anchor
        readings = watch(settings, core.codec, type(settings.data)(path), utc_now)
        await run_until_stopped({"watch": cancelled_at_stop(readings, stopping)}, stopping)
