"""The faults that `ticketbus demo` makes for its alarms; what finds and sends them is the bus as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, LiteralString

from adapters.simulators.demo.context import DiskMade
from bus.postgres.pool import connected

if TYPE_CHECKING:
    from bus.app import Core

MISSPELLED: Final = "ticket.assigns"
HISTORY_S: Final = 600
_HISTORY: LiteralString = """
INSERT INTO disk_samples (host, path, sampled_at, used_bytes, total_bytes)
SELECT %(host)s, %(path)s, now() - ago * interval '1 s', %(used)s - %(growth)s * ago, %(total)s
FROM generate_series(30, %(ago)s, 30) AS ago"""
_BREAK: LiteralString = "ALTER TABLE ticket_names ADD CONSTRAINT changed_by_hand CHECK (false) NOT VALID"
_MEND: LiteralString = "ALTER TABLE ticket_names DROP CONSTRAINT changed_by_hand"


class DemoFaults:
    """Makes them on the demo's own stack."""

    def __init__(self, core: "Core") -> None:
        """Make none yet."""
        self._core = core

    async def give_history(self, disk: DiskMade) -> None:
        """Keep samples of the ten minutes before now, as if its watch had run: a forecast needs five."""
        async with connected(self._core.pool) as connection:
            await connection.execute(
                _HISTORY,
                {
                    "host": disk.host,
                    "path": disk.path,
                    "used": disk.used_bytes,
                    "growth": disk.growth,
                    "total": disk.total_bytes,
                    "ago": HISTORY_S,
                },
            )

    @asynccontextmanager
    async def misspelled_consumer(self) -> AsyncIterator[str]:
        """Run a Kafka consumer of a topic that there is not; give both as an alert names them."""
        import logging

        from bus.kafka.clients import make_consumer
        from schemas.topics import physical

        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of the topic is in the alert
        settings = self._core.settings
        topic = physical(settings.namespace, MISSPELLED)
        group = physical(settings.namespace, "bi")
        consumer = make_consumer(settings, group_id=group, client_id="bi-dashboard")
        await consumer.start()
        try:
            consumer.subscribe([topic])
            yield f"{group} → {topic}"
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def broken_openings(self) -> AsyncIterator[None]:
        """Leave a constraint in the database that somebody made by hand: every opening fails until it is gone."""
        async with connected(self._core.pool) as connection:
            await connection.execute(_BREAK)
        try:
            yield
        finally:
            async with connected(self._core.pool) as connection:
                await connection.execute(_MEND)
