"""How many events subscribers expect, held against how many there were for them in the last day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.subscription_store import list_subscriptions
from bus.consistency.subscriptions import Subscription
from bus.domain.text import Text
from bus.postgres.pool import Connection
from schemas.catalogue import CE_TYPES
from schemas.topics import Contract

OVER: Final = timedelta(days=1)
LOW: Final = 0.2  # of what is expected; less is mostly a filter, a source or a clock, not a quiet day
_COUNT: Final[LiteralString] = """
SELECT count(*) FROM events e JOIN tickets t USING (ticket_id)
WHERE e.event_id >= %(since)s AND e.ce_type = ANY(%(types)s) AND NOT e.historic AND e.ticket_id < 'V'
    AND (%(regions)s::text[] = '{}' OR t.region = ANY(%(regions)s))
    AND (%(assignees)s::text[] = '{}' OR t.assignee = ANY(%(assignees)s))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRate:
    """How many events an hour there were in the last day for a subscription that expects some."""

    subscription: Subscription
    per_hour: float


async def read_rates(connection: Connection, contract: Contract, now: datetime) -> list[SubscriptionRate]:
    """Count the events of each subscription that is a day old; by its tickets as they are now."""
    found = []
    for listed in await list_subscriptions(connection):
        one = listed.subscription
        if one.rate is None or now - listed.added_at < OVER:
            continue
        topics = [contract.topics[name] for name in one.topics if name in contract.topics]
        carried = {name for topic in topics for name in topic.event_names}
        asked = {
            "since": _first_id(now - OVER),
            "types": [CE_TYPES[name] for name in sorted(carried.intersection(one.types or carried))],
            "regions": [*one.regions],
            "assignees": [*one.assignees],
        }
        row = await (await connection.execute(_COUNT, asked)).fetchone()
        assert row is not None, "it is a count"
        found.append(SubscriptionRate(subscription=one, per_hour=row[0] / (OVER / timedelta(hours=1))))
    return found


def _first_id(at: datetime) -> UUID:
    """Give the least UUIDv7 of a time: event ids are in order of when they were made, and have an index."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def check_rates(rates: Sequence[SubscriptionRate]) -> Iterator[CheckResult]:
    """Find subscriptions for which far fewer events come than they expect. Pure."""
    for each in rates:
        one = each.subscription
        if one.rate is not None and each.per_hour < one.rate * LOW:
            yield CheckResult(
                code=CheckCode.RATE_LOW,
                about=one.client,
                severity=Severity.P3,
                text=Text(
                    f"{one.client} 预期每小时 {one.rate:g} 个事件,最近一天平均只有 {each.per_hour:.2g} 个",
                    f"{one.client} expects {one.rate:g} events an hour; on average there were {each.per_hour:.2g} "
                    "in the last day",
                ),
                evidence=(f"{one.owner}, {one.contact}",),
                mend=f"ticketbus subscription show {one.client}",
            )
