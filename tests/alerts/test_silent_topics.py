"""The rule of silent topics, on minutes and ends in PostgreSQL."""

from datetime import timedelta

from bus.alerts.alert import Severity
from bus.alerts.rule_names import RuleName
from bus.consistency.topic_activity import note_activity
from bus.kafka.consumer_offsets import TopicMarks
from bus.postgres.pool import Pool, connected, in_transaction
from schemas.topics import load_contract
from tests.alerts.test_more_state_rules import DAY, about, fired, run


def marks(**ends: int) -> dict[str, TopicMarks]:
    """Make the ends of topics of two partitions; `assign=3` is of ticket.assign."""
    return {
        f"t.ticket.{name}": TopicMarks(marks={0: (0, end), 1: (0, 5)}, retention=None, by_size=False)
        for name, end in ends.items()
    }


async def test_topic_silent_by_its_own_gaps_while_its_ends_are_read(pool: Pool) -> None:
    async def read(**ends: int) -> None:
        await in_transaction(pool, note_activity, load_contract(), "t", marks(**ends))

    async def written_until(ago: timedelta) -> None:
        await run(pool, "TRUNCATE topic_minutes")
        await run(
            pool,
            """INSERT INTO topic_minutes SELECT topic, date_trunc('minute', now()) - %s - n * step
            FROM (VALUES ('ticket.assign', interval '4 minutes'), ('ticket.parts', interval '20 hours'))
                AS s (topic, step), generate_series(0, 11000) n WHERE n * step < interval '29 days'""",
            ago,
        )

    await run(pool, "TRUNCATE topic_minutes, topic_ends")
    await read(assign=3, parts=1, deadletter=9)
    await read(assign=3, parts=1, deadletter=10)
    async with connected(pool) as connection:
        assert not await (await connection.execute("SELECT FROM topic_minutes")).fetchall(), "what was seen first"
    await read(assign=4, parts=2, deadletter=11)
    async with connected(pool) as connection:
        rows = await (await connection.execute("SELECT topic FROM topic_minutes ORDER BY 1")).fetchall()
    assert rows == [("ticket.assign",), ("ticket.parts",)], "letters are irregular"
    await run(pool, "UPDATE topic_ends SET read_at = now() + interval '20 days'")
    assert await fired(pool, RuleName.TOPIC_SILENT) == [], "once is no habit"
    await written_until(timedelta(minutes=15))
    await run(pool, "UPDATE topic_ends SET read_at = now() - interval '10 minutes'")
    assert await fired(pool, RuleName.TOPIC_SILENT, later=DAY) == [], "nobody has read its ends since"
    await read(assign=4, parts=2)
    [alert] = await fired(pool, RuleName.TOPIC_SILENT)
    assert (alert.about, alert.severity) == ("ticket.assign", Severity.P2)
    await written_until(timedelta(hours=25))
    assert ("ticket.parts", Severity.P3) in await about(pool, RuleName.TOPIC_SILENT)
    await read(assign=5, parts=3)
    assert await fired(pool, RuleName.TOPIC_SILENT) == []


async def test_topic_silent_virtual_tickets_break_no_silence(pool: Pool) -> None:
    async def grown(**ends: int) -> list[str]:
        await in_transaction(pool, note_activity, load_contract(), "t", marks(**ends))
        async with connected(pool) as connection:
            return [name for (name,) in await (await connection.execute("SELECT topic FROM topic_minutes")).fetchall()]

    await run(pool, "TRUNCATE topic_minutes, topic_ends")
    assert await grown(events=10, probe=0) == []
    assert await grown(events=12, probe=2) == []
    assert await grown(events=13, probe=2) == ["ticket.events"]
