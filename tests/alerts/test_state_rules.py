"""Rules of states in PostgreSQL: an alert is there for as long as what it says is true, and no longer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bus.alert_catalogue import RULES
from bus.alerts.rule_names import RuleName
from bus.delivery import target_state
from bus.delivery.breaker import CLOSED, Breaker
from bus.postgres.pool import Pool, connected
from bus.stage import offsets
from deadletter import store
from deadletter.dead_letter import Decision
from tests.deadletter.letters import dead
from tests.schemas.codecs import CODEC

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
ERP = "erp"


@pytest.fixture(autouse=True)
async def emptied(pool: Pool) -> None:
    """Begin without any state."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE letters, deliveries, delivery_targets, stage_offsets CASCADE")


async def about(pool: Pool, rule: RuleName) -> Sequence[str]:
    """Give what a rule fires about now; whatever it was ten minutes ago, it is read anew."""
    async with connected(pool) as connection:
        readings = await RULES[rule].read(connection)
    return [one.about for one in RULES[rule].evaluate(readings, NOW)]


async def test_state_rules_a_letter_is_an_alert_until_it_is_dealt_with(pool: Pool) -> None:
    async with connected(pool) as connection:
        numbers = await store.post(connection, [dead(origin="delivery:erp", target=ERP)], CODEC.encode_record)
    assert await about(pool, RuleName.DEAD_LETTER) == [ERP]
    decision = Decision(by="sre", why="test", at=NOW)
    async with connected(pool) as connection:
        await store.discard(connection, numbers, decision, CODEC.encode_record)
    assert await about(pool, RuleName.DEAD_LETTER) == []


async def test_state_rules_a_target_is_an_alert_while_it_is_paused_or_its_breaker_is_open(pool: Pool) -> None:
    await target_state.begin(pool, ERP)
    async with connected(pool) as connection:
        await target_state.pause(connection, ERP, "too many letters")
    assert await about(pool, RuleName.TARGET_PAUSED) == [ERP]
    for breaker, fires in (
        (Breaker(failures=10, not_before=NOW), True),
        (Breaker(failures=10, not_before=NOW, asked_wait=True), False),
        (Breaker(failures=3), False),
        (CLOSED, False),
    ):
        async with connected(pool) as connection:
            await target_state.resume(connection, ERP, NOW)
            await target_state.write(connection, ERP, breaker)
        assert await about(pool, RuleName.TARGET_PAUSED) == []
        assert await about(pool, RuleName.BREAKER_OPEN) == ([ERP] if fires else []), breaker


async def test_state_rules_a_push_is_an_alert_until_it_is_taken(pool: Pool) -> None:
    await target_state.begin(pool, ERP)
    async with connected(pool) as connection:
        await connection.execute(
            "INSERT INTO deliveries (target, ticket_id, version, enqueued_at, overdue_at) VALUES (%s, 'T1', 1, %s, %s)",
            (ERP, NOW - timedelta(hours=1), NOW),
        )
    assert await about(pool, RuleName.PUSH_OVERDUE) == [ERP]
    async with connected(pool) as connection:
        await connection.execute("UPDATE deliveries SET state = 'done'")
    assert await about(pool, RuleName.PUSH_OVERDUE) == []


async def test_state_rules_a_stage_is_one_alert_for_all_its_partitions_until_it_gets_on(pool: Pool) -> None:
    async with connected(pool) as connection:
        await offsets.begin(connection, ["delivery", "sla"], "ticket.events", [0, 1])
        await offsets.stall(connection, ["delivery"], "cannot be read", [0, 1])
    assert await about(pool, RuleName.STAGE_STOPPED) == ["delivery"]
    async with connected(pool) as connection:
        await connection.execute("UPDATE stage_offsets SET failure = NULL")
    assert await about(pool, RuleName.STAGE_STOPPED) == []
