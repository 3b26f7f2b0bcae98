"""A program's heartbeat in PostgreSQL: that it runs, on which host, and what keeps its parts from working."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version as release
from typing import Final
from uuid import uuid4

import structlog
from psycopg.types.json import Jsonb

from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import ANSWER_S_MAX, Pool, connected

EVERY_S: Final = 5.0
GAP: Final = timedelta(seconds=10)  # two heartbeats that could not be written
_BEAT: Final = b"""
INSERT INTO programs (instance, program, host, pid, version, ahead_s, parts)
VALUES (%(instance)s, %(program)s, %(host)s, %(pid)s, %(version)s, extract(epoch FROM %(now)s - clock_timestamp()),
    %(parts)s)
ON CONFLICT (instance) DO UPDATE SET beat_at = now(),
    steady_since = CASE WHEN programs.beat_at < now() - %(gap)s::interval THEN now() ELSE programs.steady_since END,
    ahead_s = excluded.ahead_s, parts = excluded.parts"""
_STOPPED: Final = b"UPDATE programs SET stopped_at = now() WHERE instance = %s"
Troubles = Callable[[], Awaitable[Mapping[str, str | None]]]
log = structlog.get_logger()


async def beat(pool: Pool, program: str, troubles: Troubles, now: Callable[[], datetime]) -> None:
    """Write a heartbeat every five seconds until cancelled; then note that the program was stopped."""
    instance = uuid4()
    about = {
        "instance": instance,
        "program": program,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": release("ticketbus"),
    }
    try:
        while True:
            parts = dict(await troubles())
            try:
                async with connected(pool, answer_s_max=ANSWER_S_MAX) as connection:
                    await connection.execute(_BEAT, {**about, "parts": Jsonb(parts), "now": now(), "gap": GAP})
            except StoreUnavailable as error:
                log.warning("heartbeat_not_written", cause=str(error))
            await asyncio.sleep(EVERY_S)
    finally:
        await _stopped(pool, instance)


async def _stopped(pool: Pool, instance: object) -> None:
    try:
        async with asyncio.timeout(2), connected(pool) as connection:
            await connection.execute(_STOPPED, (instance,))
    except (StoreUnavailable, TimeoutError) as error:
        log.warning("stop_not_written", cause=str(error))
