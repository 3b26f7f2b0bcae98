"""A desk and rounds of pushes on a real database, at a time that the test tells."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from bus.alerts.alert import Alert
from bus.delivery.dead_letter_port import ParkedDelivery
from bus.delivery.targets_config import TargetConfig
from bus.postgres.pool import Connection, Pool, connected
from bus.push.overdue_monitor import OverdueMonitor
from bus.push.sessions import PushSession, PushSessions
from bus.wire.record_reader import nothing_more
from tests.bus_under_test import eventually
from tests.delivery.deliveries import NOW, DeliveryQueue
from tests.schemas.codecs import CODEC

APP = "app"
_HELD = """
INSERT INTO tickets SELECT x.* FROM (SELECT %(ticket)s::text AS ticket_id) k, jsonb_populate_record(NULL::tickets,
    %(row)s::jsonb || jsonb_build_object('ticket_id', %(ticket)s::text, 'assignee', %(listed)s::text)) x
ON CONFLICT (ticket_id) DO UPDATE SET assignee = excluded.assignee"""
_TRUE = """
INSERT INTO ticket_states VALUES (%(ticket)s, 1, 'ab', jsonb_build_object('assignee',
    jsonb_build_object('person', %(person)s::text)))
ON CONFLICT (ticket_id) DO UPDATE SET state = excluded.state"""
_TEXTS = (
    "trace_id", "source", "source_no", "title", "type", "region", "serial", "state", "root_cause", "creator",
    "assigner", "last_action",
)  # fmt: skip
_COUNTS = ("version", "reports", "reassignments", "pauses", "reopens", "asked")
_OTHERS = {"historic": False, "paused": False, "incident_key": {}, "folded": {}, "opened_at": NOW, "last_at": NOW}
_ROW = orjson.dumps({**dict.fromkeys(_TEXTS, ""), **dict.fromkeys(_COUNTS, 0), **_OTHERS}).decode()


@dataclass(slots=True, kw_only=True)
class PushSetup:
    """A gateway's desk, a worker's rounds, and a clock that the test moves."""

    delivery_queue: DeliveryQueue
    now: datetime = NOW
    parked: list[ParkedDelivery] = field(default_factory=list)
    found: list[Alert] = field(default_factory=list)

    def sessions(self, **config: Any) -> PushSessions:
        """Make a desk, as each gateway has one."""
        return PushSessions(
            name=APP,
            config=TargetConfig.model_validate({"adapter": "engineer-app", "events": "all", **config}),
            pool=self.delivery_queue.pool,
            decode=CODEC.decode,
            know=nothing_more,
            park=self._park,
            now=lambda: self.now,
            report=self.found.append,
        )

    def rounds(self) -> OverdueMonitor:
        """Make rounds, as each worker does them."""
        deadline = timedelta(hours=1)
        return OverdueMonitor(
            name=APP, deadline=deadline, pool=self.delivery_queue.pool, now=lambda: self.now, report=self.found.append
        )

    async def hold(self, ticket_id: str, person: str, *, listed: str | None = None) -> str:
        """Let a person hold a ticket; `listed` is who the read model says it is, where that lags."""
        given = {"ticket": ticket_id, "person": person, "listed": person if listed is None else listed}
        async with connected(self.delivery_queue.pool) as connection:
            await connection.execute(_HELD.encode(), given | {"row": _ROW})
            await connection.execute(_TRUE.encode(), given)
        return ticket_id

    async def add(self, ticket_id: str, *versions: int) -> None:
        """Let events of a ticket wait for the app."""
        await self.delivery_queue.add(*((ticket_id, version) for version in versions), target=APP, now=self.now)

    async def states(self, ticket_id: str) -> list[str]:
        """List how the deliveries of a ticket stand."""
        return [state for (state,) in await self.delivery_queue.rows(
            f"SELECT state FROM deliveries WHERE ticket_id = '{ticket_id}' ORDER BY version")]  # noqa: S608 - a number of our own  # fmt: skip

    async def settled(self, ticket_id: str, *states: str) -> None:
        """Wait until they stand so."""

        async def they_do() -> bool:
            return await self.states(ticket_id) == list(states)

        await eventually(they_do)

    async def _park(self, connection: Connection, parked: Sequence[ParkedDelivery]) -> None:
        del connection
        self.parked += parked


async def empty_setup(pool: Pool) -> PushSetup:
    """Begin with no delivery and no ticket."""
    delivery_queue = DeliveryQueue(pool=pool)
    await delivery_queue.clear()
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE tickets, ticket_states")
    return PushSetup(delivery_queue=delivery_queue)


@asynccontextmanager
async def opened(sessions: PushSessions) -> AsyncIterator[PushSessions]:
    """Run a desk; what it is in the middle of when it is left stays as it is, as at a kill."""
    running = asyncio.create_task(sessions.run())
    try:
        yield sessions
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def next_push(session: PushSession) -> tuple[str, str, int]:
    """Wait for a push: its key, ticket and version."""
    async with asyncio.timeout(60):
        frame = orjson.loads(await session.take())
    assert frame["kind"] == "push"
    return frame["key"], frame["event"]["data"]["ticket_id"], frame["event"]["ticket_version"]
