"""What the bus did lately, counted on PostgreSQL."""

from datetime import UTC, datetime, timedelta

from bus.gateway.read.figures import SERIES, read_figures
from bus.postgres.pool import Pool, connected

NOW = datetime(2026, 11, 29, 10, 25, tzinfo=UTC)


async def test_figures_are_counted_by_ten_minutes_and_nothing_is_left_out(pool: Pool) -> None:
    async with connected(pool) as connection:
        for ago in (1, 6, 40, 59, 70):
            await connection.execute(
                "INSERT INTO commands VALUES (gen_random_uuid(), 'T1', '', '', '', 1, %s)",
                (NOW - timedelta(minutes=ago),),
            )
        await connection.execute(
            """INSERT INTO refused_inputs (origin, origin_ref, source, code, field, detail_zh, detail_en, body, headers,
                                           trace_id, first_at, last_at, times)
            VALUES ('http', '1', 'crm', 'missing', 'title', '', '', '', '{}', '', %s, %s, 2)""",
            (NOW - timedelta(minutes=40), NOW - timedelta(minutes=6)),
        )
    found = await read_figures(pool, NOW, 1)
    assert [f"{one:%H:%M}" for one in found.times] == ["09:30", "09:40", "09:50", "10:00", "10:10", "10:20"]
    counted = {"commands": [0, 1, 0, 0, 1, 1], "refused": [0, 0, 0, 0, 1, 0]}  # NOW - 6 min is 10:19
    assert found.series == {**{name: [0] * 6 for name in SERIES}, **counted}
