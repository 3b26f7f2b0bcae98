"""The stage of deliveries: each event of the log becomes a row for every target that wants it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bus.delivery import queue
from bus.delivery.rollout import Rollout, RolloutState
from bus.delivery.rollout_split import split
from bus.delivery.rollout_store import latest_rollouts
from bus.delivery.targets_config import TargetsConfig
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.postgres.pool import Connection
from bus.stage.missing_versions import missing_versions
from bus.stage.offsets import DELIVERIES_HANDLER
from bus.wire.event_reader import EventReader
from bus.wire.record import Record

# One query a batch: the versions as they were, and then as they are. An event that PostgreSQL does not hold counts for
# nothing. A ticket is on one partition, whose offset is locked: nobody else is at its row.
_ADVANCE = """
WITH w AS (SELECT * FROM unnest(%b::text[], %b::int[]) AS w (ticket_id, version)),
     before AS (SELECT v.ticket_id, v.version FROM delivery_versions v JOIN w USING (ticket_id)),
     after AS (
    INSERT INTO delivery_versions AS v (ticket_id, version)
    SELECT ticket_id, version FROM w
    WHERE EXISTS (SELECT FROM events e WHERE (e.ticket_id, e.version) = (w.ticket_id, w.version)) ORDER BY ticket_id
    ON CONFLICT (ticket_id) DO UPDATE SET version = excluded.version WHERE v.version < excluded.version)
TABLE before"""
_SKIP = """
INSERT INTO delivery_versions AS v (ticket_id, version) SELECT ticket_id, version FROM ticket_states ORDER BY ticket_id
ON CONFLICT (ticket_id) DO UPDATE SET version = excluded.version WHERE v.version < excluded.version"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueHandler:
    """Adds a delivery per event and target, in the transaction that moves the stage's offsets.

    The targets file says which; imported history is delivered to nobody, virtual tickets to targets
    that say so. Versions that the log left out are read from PostgreSQL, whichever targets there are: one that is
    added later wants what happens from then on.
    `expect` opens what is expected of the events.
    """

    events: EventReader
    config: TargetsConfig
    now: Callable[[], datetime]
    expect: Callable[[Connection, Sequence[Recorded]], Awaitable[None]] | None = None
    name: str = DELIVERIES_HANDLER

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        """Queue what targets want of the records, and of what is missing before them.

        Raises VersionMissing for a version that is neither on the log nor in PostgreSQL.
        """
        events = await self._complete(connection, await self.events.read(records))
        rollouts = {one.target: one for one in await self._rollouts(connection)} if events else {}
        some = [
            queue.NewDelivery(target=target, ticket_id=one.ticket_id, version=one.version)
            for one in events
            for target in self.config.wants(one)
            if target not in rollouts
        ]
        for target in sorted(rollouts):
            rollout = rollouts[target]
            both = {target: self.config.targets[target].events}
            both[rollout.canary] = self.config.targets.get(rollout.canary, self.config.targets[target]).events
            some += await split(connection, rollout, [*filter(self.config.targets[target].may_have, events)], both)
        if some:
            await queue.add(connection, some, self.now())
        if events and self.expect:
            await self.expect(connection, events)

    async def _rollouts(self, connection: Connection) -> list[Rollout]:
        """Give the rollouts of this file's targets.

        A worker whose file does not name the new version yet keeps to one that runs all the same; one that is over
        counts while the new version is still named as such.
        """
        return [
            one
            for one in await latest_rollouts(connection)
            if one.target in self.config.targets
            and (
                self.config.canaries.get(one.canary) == one.target
                or (one.state is RolloutState.RUNNING and one.canary not in self.config.targets)
            )
        ]

    async def _complete(self, connection: Connection, read: Sequence[tuple[Record, Recorded]]) -> Sequence[Recorded]:
        """Give the events with those that the log left out, each ticket's in order."""
        if not read:
            return []
        last = {event.ticket_id: event.version for _, event in sorted(read, key=lambda one: one[1].version)}
        rows = await (await connection.execute(_ADVANCE, ([*last], [*last.values()]))).fetchall()
        known: dict[TicketId, int] = dict(rows)
        complete: list[Recorded] = []
        for record, event in read:
            before = known.get(event.ticket_id, 0)
            found: Sequence[Recorded] = [event]
            if event.version > before + 1:
                found = await missing_versions(connection, self.events, self.name, (record, event), before)
            if found:
                known[event.ticket_id] = max(before, event.version)
            complete.extend(found)
        return complete


async def skip_unread(connection: Connection) -> None:
    """Let what happened until now and was not read count as read: it is delivered to nobody."""
    await connection.execute(_SKIP)
