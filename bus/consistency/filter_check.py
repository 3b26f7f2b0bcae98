"""Filters of subscriptions held against the tickets that there are: one that matches nothing is mostly a typo."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, LiteralString

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.subscriptions import Subscription, wrong_subscription
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from bus.postgres.pool import Connection

ASSIGNED_WITHIN: Final = timedelta(days=30)
REGIONS_MAX: Final = 1000  # of which the nearest is named
_SEEN: Final[LiteralString] = """
SELECT ARRAY (SELECT r FROM unnest(%(regions)s::text[]) r WHERE EXISTS (SELECT FROM tickets WHERE region = r)),
    ARRAY (SELECT a FROM unnest(%(assignees)s::text[]) a WHERE EXISTS (
        SELECT FROM tickets WHERE assignee = a AND last_at > now() - %(within)s::interval))"""
_TOGETHER: Final[LiteralString] = """
SELECT EXISTS (SELECT FROM tickets WHERE region = ANY(%(regions)s::text[]) AND assignee = ANY(%(assignees)s::text[])
    AND last_at > now() - %(within)s::interval)"""
_REGIONS: Final[LiteralString] = """
WITH RECURSIVE found AS (
    (SELECT region FROM tickets ORDER BY region LIMIT 1)
    UNION ALL SELECT (SELECT t.region FROM tickets t WHERE t.region > f.region ORDER BY t.region LIMIT 1)
    FROM found f WHERE f.region IS NOT NULL
) SELECT region FROM found WHERE region <> '' LIMIT %s"""
_KEY = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterFacts:
    """What the tickets say: of the regions and people named those that were seen, and all regions.

    `apart`: subscriptions, by client and version, whose regions and people were seen, and on no ticket together.
    """

    regions: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()
    all_regions: tuple[str, ...] = ()
    apart: frozenset[_KEY] = frozenset()


async def read_filter_facts(connection: Connection, known: Sequence[Subscription]) -> FilterFacts:
    """Look up what subscriptions name, by the indexes of the read model `tickets`."""
    filtered = [one for one in known if one.regions or one.assignees]
    if not filtered:
        return FilterFacts()
    regions = sorted({name for one in filtered for name in one.regions})
    assignees = sorted({name for one in filtered for name in one.assignees})
    asked: Mapping[str, object] = {"regions": regions, "assignees": assignees, "within": ASSIGNED_WITHIN}
    seen = await (await connection.execute(_SEEN, asked)).fetchone()
    assert seen is not None, "it has no FROM"
    apart = set[_KEY]()
    for one in filtered:
        if one.regions and one.assignees:
            both = {**asked, "regions": [*one.regions], "assignees": [*one.assignees]}
            if not ((await (await connection.execute(_TOGETHER, both)).fetchone()) or (False,))[0]:
                apart.add((one.client, one.version))
    rows = await (await connection.execute(_REGIONS, (REGIONS_MAX,))).fetchall()
    return FilterFacts(
        regions=frozenset(seen[0]),
        assignees=frozenset(seen[1]),
        all_regions=tuple(region for (region,) in rows),
        apart=frozenset(apart),
    )


def check_filters(known: Sequence[Subscription], facts: FilterFacts) -> Iterator[CheckResult]:
    """Find what filters name that no ticket has. A type that no topic carries is found as SUBSCRIBED_TYPE. Pure."""
    for one in known:
        missing = False
        for region in one.regions:
            if region not in facts.regions:
                missing = True
                close = nearest(region, facts.all_regions)
                asked = did_you_mean(close)
                never = Text(
                    f"区域 {region} 从未有工单{asked.zh}", f"the region {region}, which no ticket has{asked.en}"
                )
                yield _nothing(one, never, close)
        for person in one.assignees:
            if person not in facts.assignees:
                missing = True
                days = ASSIGNED_WITHIN.days
                nobody = Text(f"{days} 天内没有 {person} 的工单", f"{person}, with whom no ticket was in {days} days")
                yield _nothing(one, nobody)
        if not missing and (one.client, one.version) in facts.apart:
            yield _nothing(one, Text("这些区域没有这些人的工单", "no ticket of these regions is with these people"))


def _nothing(one: Subscription, why: Text, close: str = "") -> CheckResult:
    text = Text(
        f"{one.client} 的订阅过滤条件没有匹配的工单:{why.zh}",
        f"a condition of the filter of {one.client} matches no ticket: {why.en}",
    )
    return wrong_subscription(one, CheckCode.FILTER_MATCHES_NOTHING, Severity.P3, text, close)
