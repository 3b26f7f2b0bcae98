"""The intake topic as this gateway writes it: what it spooled, and whether the intake stage has passed that by now."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bus.domain.errors import StoreUnavailable
from bus.intake.intake_topic import INTAKE_HANDLER
from bus.kafka.clients import HeldProducer
from bus.postgres.pool import Pool, connected
from bus.settings import Settings, secret_bytes
from bus.stage import offsets
from bus.wire.codec import Codec
from bus.wire.mac import mac_headers
from schemas.messages import RequestReceived
from schemas.topics import INTAKE, physical

SPOOL_S_MAX = 5.0
NEAR_RECORDS = 500
LOOKS_MAX, LOOK_S = 20, 0.05
STILL_S_MAX = 60.0
"""A stage that does not move for so long holds up nobody: order is worth a wait, but not a standstill."""

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class _Behind:
    """The last delivery that was spooled for a source, and how far the stage was seen."""

    partition: int
    offset: int
    seen: int = -1
    seen_at: float = 0.0
    look: "asyncio.Task[bool] | None" = None


class KafkaSpool:
    """Puts raw requests on the intake topic; close it. One per process: it knows what this process spooled."""

    def __init__(
        self, *, settings: Settings, codec: Codec, pool: Pool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Connect to nothing yet."""
        self._topic, self._held = physical(settings.namespace, INTAKE), HeldProducer(settings)
        self._codec, self._pool, self._clock = codec, pool, clock
        self._secrets = secret_bytes(settings.intake_secrets)
        self._behind: dict[str, _Behind] = {}

    async def __call__(self, received: RequestReceived) -> None:
        """Have a request acknowledged by all replicas. Raises KafkaUnavailable: it may or may not be there."""
        value = self._codec.encode_record(received)
        async with self._held.sending(SPOOL_S_MAX) as producer:
            headers = mac_headers(self._secrets, value)
            sent = await producer.send_and_wait(self._topic, value, key=received.source.encode(), headers=headers)
        known = self._behind.get(received.source)
        if known is None or known.partition != sent.partition:
            self._behind[received.source] = _Behind(partition=sent.partition, offset=sent.offset)
        else:
            known.offset = sent.offset  # a lower one is of a topic that was made anew

    async def waits(self, source: str) -> bool:
        """Say whether requests that this process spooled for a source still wait. Queries PostgreSQL only then.

        Blocks for up to a second when the stage is nearly there: spooling meanwhile would keep it from arriving.
        """
        behind = self._behind.get(source)
        if behind is None:
            return False
        if behind.look is None or behind.look.done():
            behind.look = asyncio.create_task(self._look(source, behind))
        return await asyncio.shield(behind.look)  # all deliveries of a source share one look

    async def trouble(self) -> str | None:
        """Name the sources whose spooled requests wait for the intake stage; None if none does, or nobody can say."""
        if not self._behind:
            return None
        try:
            async with connected(self._pool) as connection:
                positions = await offsets.positions(connection, [INTAKE_HANDLER])
        except StoreUnavailable:
            return None
        at = {one.partition: one.next_offset for one in positions}
        waiting = sorted(one for one, behind in self._behind.items() if at.get(behind.partition, 0) <= behind.offset)
        return ", ".join(waiting) or None

    async def close(self) -> None:
        """Close the producer; idempotent."""
        await self._held.close()

    async def _look(self, source: str, behind: _Behind) -> bool:
        for _ in range(LOOKS_MAX):
            try:
                async with connected(self._pool) as connection:
                    positions = await offsets.positions(connection, [INTAKE_HANDLER])
            except StoreUnavailable:
                return True
            found = next((one for one in positions if one.partition == behind.partition), None)
            at = found.next_offset if found else 0
            if at > behind.offset or self._stands_still(source, behind, at):
                self._behind.pop(source, None)
                return False
            if behind.offset - at > NEAR_RECORDS:
                return True
            await asyncio.sleep(LOOK_S)
        return True

    def _stands_still(self, source: str, behind: _Behind, at: int) -> bool:
        now = self._clock()
        if at != behind.seen:
            behind.seen, behind.seen_at = at, now
        if now - behind.seen_at <= STILL_S_MAX:
            return False
        log.warning("the intake stage stands still; later deliveries go past it", source=source, next_offset=at)
        return True
