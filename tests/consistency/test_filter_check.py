"""Filters of subscriptions that match nothing, on the read model's table."""

from datetime import UTC, datetime, timedelta

import orjson

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode
from bus.consistency.filter_check import check_filters, read_filter_facts
from bus.consistency.subscriptions import Subscription
from bus.postgres.pool import Pool, connected
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
NOW = datetime.now(UTC)
_ROW = {
    "version": 1, "trace_id": "", "historic": False, "source": "crm", "source_no": "", "incident_key": {}, "title": "",
    "type": "", "serial": "", "state": "", "paused": False, "opened_at": NOW, "root_cause": "", "reports": 0,
    "reassignments": 0, "pauses": 0, "reopens": 0, "asked": 0, "creator": "", "assigner": "", "last_action": "",
    "folded": {},
}  # fmt: skip


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
