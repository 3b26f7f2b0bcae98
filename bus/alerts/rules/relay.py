"""The rule of the relay that gets nowhere: rows of the outbox wait, and none of their shard goes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows

STUCK_AFTER: Final = timedelta(seconds=20)
LOOKED_BACK: Final = 10_000  # rows before the one that waits, in which another of its shard is looked for
# As the relay does, from the index of the rows that wait alone. What is not an event is deleted once it is out.
_READ: Final = b"""
WITH RECURSIVE first AS (
    (SELECT shard, id FROM outbox WHERE published_at IS NULL ORDER BY shard, id LIMIT 1)
    UNION ALL
    SELECT n.shard, n.id FROM first f CROSS JOIN LATERAL (
        SELECT shard, id FROM outbox o WHERE (o.shard, o.id) > (f.shard + 1, 0) AND published_at IS NULL
        ORDER BY o.shard, o.id LIMIT 1) n
)
SELECT f.shard, coalesce(o.timestamp, e.recorded_at) AS since, (
    SELECT p.published_at FROM outbox p
    WHERE p.id < f.id AND p.id > f.id - %s AND p.shard = f.shard AND p.published_at IS NOT NULL
    ORDER BY p.id DESC LIMIT 1) AS moved_at
FROM first f CROSS JOIN LATERAL (
    SELECT t.timestamp, t.ticket_id, t.version FROM outbox t WHERE t.id = f.id) o
    LEFT JOIN LATERAL (
        SELECT recorded_at FROM events v WHERE v.ticket_id = o.ticket_id AND v.version = o.version) e ON true
ORDER BY f.shard"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingShard:
    """A shard with rows that wait, the oldest since `since`; `moved_at`: when the event before it went out."""

    shard: int
    since: datetime
    moved_at: datetime | None


Shards = Sequence[WaitingShard]


async def waiting_shards(connection: Connection) -> Shards:
    """Read the shards in which something waits; cheap, however much waits and was published."""
    return await read_rows(connection, _READ, WaitingShard, (LOOKED_BACK,))


def _stuck(shards: Shards, now: datetime) -> Sequence[Alert]:
    stuck = [one for one in shards if now - max(one.since, one.moved_at or one.since) > STUCK_AFTER]
    if not stuck:
        return []
    since = time_text(min(one.since for one in stuck))
    return [
        Alert(
            rule=RuleName.RELAY_STUCK,
            about="outbox",
            zh=f"{len(stuck)} 个分片的记录自 {since.zh} 起未能发布到 Kafka:订阅方、看板和投递都收不到新的变更;"
            "恢复后自动按序补发,不丢失",
            en=f"records of {len(stuck)} shards wait since {since.en} for Kafka: subscribers, read models and "
            "deliveries hear of no change; they go out in order once it is back, none is lost",
            mend="ticketbus doctor",
            facts={"shards": len(stuck)},
        )
    ]


def _shard(since: datetime, moved_at: datetime | None) -> WaitingShard:
    return WaitingShard(shard=3, since=since, moved_at=moved_at)


_MINUTE: Final = timedelta(minutes=1)
RELAY_STUCK: Final = AlertRule(
    name=RuleName.RELAY_STUCK,
    severity=Severity.P1,
    title=Text("发布到 Kafka 停滞", "nothing gets to Kafka"),
    read=waiting_shards,
    evaluate=_stuck,
    fires=lambda now: [_shard(now - _MINUTE, now - 2 * _MINUTE)],
    quiet=lambda now: [_shard(now - _MINUTE, now), _shard(now, None)],  # a backlog that moves, and a row just written
    open_after=timedelta(seconds=10),
)
