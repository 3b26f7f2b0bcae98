"""The worker's watch over disks: brokers are asked, all readings are judged, every few seconds."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from time import monotonic
from typing import Final

import structlog

from bus.domain.errors import BusError, StoreUnavailable
from bus.intake.dispatch import utc_now
from bus.kafka.log_dirs import LogDir, log_dirs
from bus.postgres.pool import Pool
from bus.settings import Settings
from deadletter.disk import DiskMarks, DiskReading
from deadletter.disk_store import judge_disks

EVERY_S: Final = 5.0
ASK_BROKERS_EVERY_S: Final = 15.0
_DEFAULT: Final = (75.0, 85.0, 90.0)
log = structlog.get_logger()


def disk_marks(settings: Settings) -> Mapping[str, DiskMarks]:
    """Give the marks of each role that the settings name, and those of all others under an empty name."""
    roles = {"", *settings.disk_marks, *settings.disk_floor_bytes}
    return {role: _marks(settings, role) for role in roles}


def _marks(settings: Settings, role: str) -> DiskMarks:
    warn, high, floor = settings.disk_marks.get(role) or settings.disk_marks.get("") or _DEFAULT
    floor_bytes = settings.disk_floor_bytes.get(role) or settings.disk_floor_bytes.get("") or 0
    headroom = settings.disk_headroom_bytes or inf
    return DiskMarks(warn=warn, high=high, floor=floor, floor_bytes=floor_bytes, headroom_bytes=headroom)


def reading_of(one: LogDir, at: datetime) -> DiskReading:
    """Read a broker's answer."""
    return DiskReading(
        host=f"broker-{one.broker}",
        path=one.path,
        role="broker",
        origin="broker",
        read_at=at,
        total_bytes=one.total_bytes,
        used_bytes=max(0.0, one.total_bytes - one.usable_bytes),
    )


async def watch_disks(settings: Settings, pool: Pool) -> None:
    """Judge all disks every 5 s until cancelled; while Kafka is away brokers go unread, and all others are judged."""
    marks, asked_at = disk_marks(settings), -inf
    while True:
        brokers: Sequence[DiskReading] = ()
        if monotonic() - asked_at >= ASK_BROKERS_EVERY_S:
            brokers, asked_at = await _brokers(settings), monotonic()
        try:
            await judge_disks(pool, brokers, marks)
        except StoreUnavailable as error:
            log.warning("disks_not_judged", cause=str(error))
        await asyncio.sleep(EVERY_S)


async def _brokers(settings: Settings) -> Sequence[DiskReading]:
    try:
        return [reading_of(one, utc_now()) for one in await log_dirs(settings)]
    except BusError as error:
        log.warning("brokers_not_read", cause=str(error))
        return ()
