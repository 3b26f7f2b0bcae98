"""The watch: this host's heartbeat and disk, and what somebody changes in the schema registry."""

import asyncio
from pathlib import Path

from bus.aio import unless, until_one_ends
from bus.alerts.log_sink import log_alert
from bus.app import open_core
from bus.intake.dispatch import utc_now
from bus.programs.host_watch import watch
from bus.programs.lifecycle import FOR_EVER, stop_on_signals
from bus.programs.registry_watch import watch_registry
from bus.schema_registry import registry_of
from bus.settings import Settings
from bus.wire.codec import Codec


async def run_watch(settings: Settings) -> None:
    """Send readings of the disk that holds the data directory, and watch the registry, until SIGTERM or Ctrl-C."""
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    codec = await unless(stopping, _load_codec(settings))
    if codec is not None:
        path = settings.data if settings.data.exists() else Path(settings.data.anchor)
        works = [watch(settings, codec, path, utc_now)]
        if registry := registry_of(settings):
            works.append(watch_registry(registry, log_alert))
        await unless(stopping, until_one_ends(*works))


async def _load_codec(settings: Settings) -> Codec:
    """Read the schemas' ids and close the database: readings do not need it."""
    async with open_core(settings, connections=1, patience_s=FOR_EVER) as core:
        return core.codec
