"""The watch: this host's heartbeat and its disks."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

from bus.aio import unless
from bus.app import open_core
from bus.intake.dispatch import utc_now
from bus.kafka.host_readings import HostReadings
from bus.programs.disk_watch import disk_marks
from bus.programs.host_watch import WatchedHost, watch
from bus.programs.lifecycle import FOR_EVER, stop_on_signals
from bus.programs.watch_over_http import GatewayReadings
from bus.settings import Settings
from bus.wire.codec import Codec


async def run_watch(
    settings: Settings,
    *,
    host: str = "",
    role: str = "",
    paths: Sequence[Path] = (),
    ballast_bytes: int = 0,
    gateway: GatewayReadings | None = None,
) -> None:
    """Send readings of the paths' disks until SIGTERM or Ctrl-C, to Kafka or to `gateway`.

    What is not given: the operating system's name, the role that the settings say, the disk of the data directory.
    Raises ReadingsRefused when the gateway never takes them so.
    """
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    role, marks = role or settings.host_role, disk_marks(settings)
    watched = WatchedHost(
        name=host or socket.gethostname(),
        role=role,
        paths=paths or [data_folder(settings.data)],
        ballast_bytes=ballast_bytes,
        marks=marks.get(role) or marks[""],
    )
    if gateway is not None:
        await unless(stopping, watch(gateway, watched, utc_now))
    elif (codec := await unless(stopping, _load_codec(settings))) is not None:
        await unless(stopping, watch(HostReadings(settings, codec), watched, utc_now))


def data_folder(data: Path) -> Path:
    """Give the data directory, made where it is missing, else the root of its file system.

    A program that starts later may make it: readings of the one and then of the other would look like a lost disk.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return Path(data.anchor)
    return data


async def _load_codec(settings: Settings) -> Codec:
    """Read the schemas' ids and close the database: readings do not need it."""
    async with open_core(settings, connections=1, patience_s=FOR_EVER) as core:
        return core.codec
