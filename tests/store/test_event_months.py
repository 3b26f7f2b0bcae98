"""The log by months: rows stand where their numbers say, months come ahead of time, and nothing is refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import uuid4

import pytest

from bus.local.stack import Urls
from bus.postgres.event_months import make_months, months
from bus.postgres.pool import Connection, Pool, connected, open_pool
from tests.databases import drop_database, make_database

EVENTS = """
INSERT INTO events SELECT ticket_id, 1, gen_random_uuid(), '', gen_random_uuid(), '', 'crm', now(), now(), false, 'x'
FROM unnest(%s::text[]) ticket_id"""
PLACES = "SELECT tableoid::regclass::text, ticket_id FROM events ORDER BY ticket_id"
NUMBERS = ["A1", "T20190102-000001", "T20990301-000002", "T20990401-000003", "V20260102-000004", "Z"]


@pytest.fixture
async def own(parts: Urls) -> AsyncIterator[Pool]:
    """Give a database of the test's own."""
    name = f"months_{uuid4().hex[:10]}"
    url = await asyncio.to_thread(make_database, parts, name)
    async with open_pool(url, size=2) as pool:
        yield pool
    await asyncio.to_thread(drop_database, parts, name)


async def ask(connection: Connection, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query.encode(), parameters or None)).fetchall()


async def test_event_months_a_row_stands_in_its_month_and_no_number_is_refused(own: Pool) -> None:
    now = datetime.now(UTC)
    async with connected(own) as connection:
        assert await make_months(connection, now) == [], "the migration made them"
        (first, *ahead) = await months(connection)
        assert (first.name, first.month) == ("events_before", f"before {ahead[0].month}")
        assert len(ahead) == 3
        next_one = ahead[0].first
        await connection.execute(EVENTS.encode(), ([*NUMBERS, f"{next_one}28-000005"],))
        assert dict(await ask(connection, PLACES)).keys() == {
            "events_before", "events_virtual", "events_other", ahead[0].name
        }  # fmt: skip


async def test_event_months_rows_that_came_before_their_month_are_moved_into_it(own: Pool) -> None:
    async with connected(own) as connection:
        last = (await months(connection))[-1].end
        soon, later = f"{last}01-000002", f"{last}31-000003"
        await connection.execute(EVENTS.encode(), ([*NUMBERS, soon, later],))
        before = await ask(connection, "SELECT * FROM events ORDER BY ticket_id")
        in_china_last_day_is_over = datetime.strptime(f"{last[1:]}01 17", "%Y%m%d %H").replace(tzinfo=UTC)
        at = in_china_last_day_is_over - timedelta(days=1)
        assert (await make_months(connection, at))[0] == last
        assert await make_months(connection, at) == []
        assert len(await months(connection)) == 4 + 4
        places = {ticket_id: place for place, ticket_id in await ask(connection, PLACES)}
        assert places == {
            "A1": "events_before",
            "T20190102-000001": "events_before",
            soon: f"events_{last[1:]}",
            later: f"events_{last[1:]}",
            "T20990301-000002": "events_other",
            "T20990401-000003": "events_other",
            "V20260102-000004": "events_virtual",
            "Z": "events_other",
        }
        assert await ask(connection, "SELECT * FROM events ORDER BY ticket_id") == before
        (plan,) = await ask(connection, f"EXPLAIN (FORMAT JSON) SELECT value FROM events WHERE ticket_id = '{soon}'")  # noqa: S608 - our own names
        assert plan[0][0]["Plan"]["Relation Name"] == f"events_{last[1:]}", "no other month is looked at"


async def test_event_months_wait_while_the_whole_log_is_read_and_inserts_go_on(own: Pool) -> None:
    async with own.connection() as reader, reader.transaction():
        await reader.execute("SELECT count(*) FROM events")
        async with connected(own) as connection:
            assert await make_months(connection, datetime.now(UTC) + timedelta(days=200)) == []
        async with connected(own) as connection:
            await connection.execute("SET LOCAL lock_timeout = '1s'")
            await connection.execute(EVENTS.encode(), (NUMBERS,))
    async with connected(own) as connection:
        assert await make_months(connection, datetime.now(UTC) + timedelta(days=200))


async def test_event_months_migrations_keep_every_row_down_and_up(own: Pool) -> None:
    folder = resources.files("bus.postgres").joinpath("migrations")
    texts = [
        folder.joinpath(f"20261130000{name}.sql").read_text() for name in ("620_event_months", "621_archived_months")
    ]
    (first, second), rows = [one.partition("-- migrate:down") for one in texts], list[Any]()
    async with own.connection() as connection:
        for step, text in enumerate((None, second[2], first[2], first[0], second[0])):
            if text is None:
                await connection.execute(EVENTS.encode(), (NUMBERS,))
            else:
                await connection.execute(text.encode())
            rows.append(await ask(connection, "SELECT * FROM events ORDER BY ticket_id"))
            assert rows[step] == rows[0]
        assert len(await months(connection)) == 4
