"""Filters of subscriptions that match nothing, and rates that are not met, on the tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode
from bus.consistency.filter_check import check_filters, read_filter_facts
from bus.consistency.rate_check import check_rates, read_rates
from bus.consistency.subscription_store import add_subscription
from bus.consistency.subscriptions import Subscription
from bus.postgres.pool import Pool, connected
from schemas.topics import load_contract
from tests.store.conftest import database, pool

CONTRACT = load_contract()
__all__ = ["database", "pool"]
NOW = datetime.now(UTC)
_ROW = {
    "version": 1, "trace_id": "", "historic": False, "source": "crm", "source_no": "", "incident_key": {}, "title": "",
    "type": "", "serial": "", "state": "", "paused": False, "opened_at": NOW, "root_cause": "", "reports": 0,
    "reassignments": 0, "pauses": 0, "reopens": 0, "asked": 0, "creator": "", "assigner": "", "last_action": "",
    "folded": {},
}  # fmt: skip
_EVENT = """
INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at,
    historic, value) VALUES (%s, %s, %s, %s, %s, '', 'crm', %s, %s, false, '')"""


def filtered(regions: tuple[str, ...] = (), assignees: tuple[str, ...] = (), version: str = "1") -> Subscription:
    return Subscription(
        client="bi", owner="数据组", contact="bi@corp", topics=("ticket.events",), regions=regions,
        assignees=assignees, version=version,
    )  # fmt: skip


async def test_filter_check_names_what_no_ticket_has_and_the_region_that_was_meant(pool: Pool) -> None:
    tickets = (("T1", "上海浦东", "张伟", 1), ("T2", "北京", "李雷", 1), ("T3", "苏州", "王磊", 40), ("T4", "", "", 1))
    known = [
        filtered(("上海浦东",), ("张伟",)),
        filtered(("上海浦冬", "北京"), version="2"),
        filtered((), ("王磊", "韩梅"), version="3"),
        filtered(("北京",), ("张伟",), version="4"),
        filtered(version="5"),
    ]
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE tickets")
        empty = await read_filter_facts(connection, known)
        for number, region, person, days in tickets:
            row = {"ticket_id": number, "region": region, "assignee": person, "last_at": NOW - timedelta(days=days)}
            text = orjson.dumps({**_ROW, **row}).decode()
            await connection.execute(
                "INSERT INTO tickets SELECT * FROM jsonb_populate_record(null::tickets, %s)", (text,)
            )
        facts = await read_filter_facts(connection, known)
        assert await read_filter_facts(connection, known[-1:]) != facts
    assert facts.all_regions == tuple(sorted(("上海浦东", "北京", "苏州")))
    found = [*check_filters(known, facts)]
    assert {(one.code, one.severity, one.about) for one in found} == {
        (CheckCode.FILTER_MATCHES_NOTHING, Severity.P3, "bi")
    }
    said = [
        (one.mend.split("--version ")[1][0], one.nearest, one.text.en.partition(" matches no ticket: ")[2])
        for one in found
    ]
    assert said == [
        ("2", "上海浦东", "the region 上海浦冬, which no ticket has; did you mean 上海浦东?"),
        ("3", "", "王磊, with whom no ticket was in 30 days"),
        ("3", "", "韩梅, with whom no ticket was in 30 days"),
        ("4", "", "no ticket of these regions is with these people"),
    ]
    assert len([*check_filters(known, empty)]) == 8


async def test_rate_check_counts_the_last_day_of_what_passes_the_filter(pool: Pool) -> None:
    at = {"T1": NOW - timedelta(hours=2), "T2": NOW - timedelta(hours=3), "T3": NOW - timedelta(hours=30)}
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE tickets, events, subscriptions")
        for number, region in (("T1", "上海"), ("T2", "北京"), ("T3", "上海")):
            ticket = {**_ROW, "ticket_id": number, "region": region, "assignee": "", "last_at": NOW}
            text = orjson.dumps(ticket).decode()
            await connection.execute(
                "INSERT INTO tickets SELECT * FROM jsonb_populate_record(null::tickets, %s)", (text,)
            )
            for version, kind in ((1, "ticket.opened.v1"), (2, "ticket.assigned.v1"), (3, "note.added.v1")):
                made = UUID(int=(int(at[number].timestamp() * 1000) << 80) + version)
                await connection.execute(_EVENT, (number, version, made, kind, made, at[number], at[number]))
        wanted = {
            "1": replace(filtered(("上海",)), rate=1.0),
            "2": replace(filtered(("上海",), version="2"), types=("TicketAssigned",), rate=0.2),
            "3": replace(filtered(version="3"), rate=0.3),
            "4": replace(filtered(("苏州",), version="4"), rate=0.1),
            "5": filtered(("苏州",), version="5"),
        }
        for one in wanted.values():
            await add_subscription(connection, one, by="wang", why="")
        assert await read_rates(connection, CONTRACT, NOW) == []  # no day has passed since
        found = await read_rates(connection, CONTRACT, NOW + timedelta(days=2))
        assert {one.subscription.version: one.per_hour for one in found} == dict.fromkeys("1234", 0.0)
        await connection.execute("UPDATE subscriptions SET added_at = added_at - interval '2 days'")
        rates = await read_rates(connection, CONTRACT, NOW)
    assert {one.subscription.version: round(one.per_hour * 24) for one in rates} == {"1": 3, "2": 1, "3": 6, "4": 0}
    low = [*check_rates(rates)]
    assert [(one.code, one.severity) for one in low] == [(CheckCode.RATE_LOW, Severity.P3)] * 2
    assert low[0].text.en == "bi expects 1 events an hour; on average there were 0.12 in the last day"
