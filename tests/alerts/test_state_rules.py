"""Rules of states in PostgreSQL: an alert is there for as long as what it says is true, and no longer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert, Severity
from bus.alerts.rule_names import RuleName
from bus.delivery import target_state
from bus.delivery.breaker import CLOSED, Breaker
from bus.domain.errors import KafkaUnavailable, StoreUnavailable, cause_of
from bus.postgres.pool import Pool, connected
from bus.stage import offsets
from deadletter import redrive_store, store
from deadletter.dead_letter import Decision
from deadletter.redrive_policy import RedriveLimits
from tests.deadletter.letters import dead
from tests.schemas.codecs import CODEC

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
ERP = "erp"


@pytest.fixture(autouse=True)
async def emptied(pool: Pool) -> None:
    """Begin without any state."""
    async with connected(pool) as connection:
        await connection.execute(
            "TRUNCATE letters, deliveries, delivery_heads, delivery_targets, redrives, stage_offsets CASCADE"
        )


async def alerts(pool: Pool, rule: RuleName) -> Sequence[Alert]:
    """Give what a rule says now; whatever it was ten minutes ago, it is read anew."""
    async with connected(pool) as connection:
        readings = await RULES[rule].read(connection)
    return RULES[rule].evaluate(readings, NOW)


async def about(pool: Pool, rule: RuleName) -> Sequence[str]:
    """Give what a rule fires about now."""
    return [one.about for one in await alerts(pool, rule)]


async def test_state_rules_a_letter_is_an_alert_until_it_is_dealt_with(pool: Pool) -> None:
    async with connected(pool) as connection:
        numbers = await store.post(connection, [dead(origin="delivery:erp", target=ERP)], CODEC.encode_record)
    assert await about(pool, RuleName.DEAD_LETTER) == [ERP]
    decision = Decision(by="sre", why="test", at=NOW)
    async with connected(pool) as connection:
        await store.discard(connection, numbers, decision, CODEC.encode_record)
    assert await about(pool, RuleName.DEAD_LETTER) == []


async def test_state_rules_commands_that_were_refused_can_wait_for_the_day_what_cannot_be_read_not(
    pool: Pool,
) -> None:
    severities = list[Severity | None]()
    for origin_ref, kind in (("1", "refused"), ("2", "malformed")):
        letter = replace(dead(origin="commands", target=""), origin_ref=origin_ref, kind=kind)
        async with connected(pool) as connection:
            await store.post(connection, [letter], CODEC.encode_record)
        severities += [one.severity for one in await alerts(pool, RuleName.DEAD_LETTER)]
    assert severities == [Severity.P2, None]


async def test_state_rules_another_letter_is_news_whatever_the_clock_of_its_worker_says(pool: Pool) -> None:
    heard = list[int | None]()
    for origin_ref, died_at in (("1", NOW), ("2", NOW - timedelta(hours=2))):
        letter = replace(dead(origin="delivery:erp", target=ERP), origin_ref=origin_ref, died_at=died_at)
        async with connected(pool) as connection:
            await store.post(connection, [letter], CODEC.encode_record)
        [alert] = await alerts(pool, RuleName.DEAD_LETTER)
        heard.append(alert.newest)
    assert heard[0] is not None
    assert heard[1] is not None
    assert heard[1] > heard[0]


async def test_state_rules_a_pause_by_the_bus_is_urgent_and_one_by_hand_says_who(pool: Pool) -> None:
    by_li = partial(target_state.pause, by="li")
    await target_state.begin(pool, ERP)
    assert await about(pool, RuleName.TARGET_PAUSED) == []
    for pause, severity, words in (
        (target_state.hold, None, "自动暂停"),
        (by_li, Severity.P2, "由人工暂停"),
    ):
        async with connected(pool) as connection:
            await target_state.resume(connection, ERP, NOW, by="张工")
            await pause(connection, ERP, why="张工: 盘点")
        [alert] = await alerts(pool, RuleName.TARGET_PAUSED)
        assert (alert.about, alert.severity) == (ERP, severity)
        assert words in alert.zh
        assert "张工: 盘点" in alert.zh


async def test_state_rules_a_target_is_an_alert_while_its_breaker_is_open_and_something_waits(pool: Pool) -> None:
    await target_state.begin(pool, ERP)
    for breaker, waits, fires in (
        (Breaker(failures=10, not_before=NOW), False, False),
        (Breaker(failures=10, not_before=NOW), True, True),
        (Breaker(failures=10, not_before=NOW, asked_wait=True), True, False),
        (Breaker(failures=3), True, False),
        (CLOSED, True, False),
    ):
        async with connected(pool) as connection:
            await connection.execute("DELETE FROM delivery_heads")
            await connection.execute(
                "INSERT INTO delivery_heads (target, ticket_id, version, next_at, parked) VALUES (%s, 'T1', 1, %s, %s)",
                (ERP, NOW, not waits),
            )
            await target_state.resume(connection, ERP, NOW, by="张工")
            await target_state.write(connection, ERP, breaker)
        assert await about(pool, RuleName.TARGET_PAUSED) == []
        assert await about(pool, RuleName.BREAKER_OPEN) == ([ERP] if fires else []), (breaker, waits)


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
        await offsets.begin(connection, ["deliveries", "sla_clocks"], "ticket.events", [0, 1])
        await offsets.stall(connection, ["deliveries"], "cannot be read", [0, 1])
    [alert] = await alerts(pool, RuleName.STAGE_STOPPED)
    assert (alert.about, alert.facts["stage"], alert.facts["partitions"]) == ("deliveries", "delivery", 2)
    async with connected(pool) as connection:
        await connection.execute("UPDATE stage_offsets SET failure = NULL")
    assert await about(pool, RuleName.STAGE_STOPPED) == []


async def test_state_rules_stages_that_wait_for_kafka_are_one_alert_and_what_postgres_had_is_over(pool: Pool) -> None:
    names = ["deliveries", "tickets", "intake"]
    async with connected(pool) as connection:
        await offsets.begin(connection, names, "ticket.events", [0])
        await offsets.stall(connection, names, f"{offsets.STALLED}{_away(KafkaUnavailable, 'Kafka')}")
        await offsets.stop(connection, "intake", 0, "offset 17: an unknown field")
    assert await about(pool, RuleName.STAGE_STOPPED) == ["Kafka", "intake"]
    async with connected(pool) as connection:
        why = f"{offsets.STALLED}{_away(StoreUnavailable, 'PostgreSQL')}"
        await connection.execute("UPDATE stage_offsets SET failure = %s", (why,))
    assert await about(pool, RuleName.STAGE_STOPPED) == []


def _away(kind: type[Exception], what: str) -> str:
    return cause_of(kind(f"{what} is away: TimeoutError"))


async def test_state_rules_a_handler_that_is_no_more_is_no_alert(pool: Pool) -> None:
    async with connected(pool) as connection:
        await offsets.begin(connection, ["of_an_earlier_version", "deliveries"], "ticket.events", [0])
        await offsets.stop(connection, "of_an_earlier_version", 0, "offset 17: an unknown field")
    assert await about(pool, RuleName.STAGE_STOPPED) == []


async def test_state_rules_a_redrive_that_stopped_by_itself_lasts_until_its_letters_are_dealt_with(pool: Pool) -> None:
    async with connected(pool) as connection:
        died = replace(dead(origin="delivery:erp", target=ERP), died_at=NOW - timedelta(hours=1))
        numbers = await store.post(connection, [died], CODEC.encode_record)
        decision = Decision(by="sre", why="test", at=NOW)
        terms = RedriveLimits(canary=1, watch=timedelta(seconds=10), rate_per_s=5)
        query = redrive_store.DeadLetterQuery(target=ERP)
        first = await redrive_store.freeze(connection, query, terms, decision, CODEC.encode_record)
    assert await about(pool, RuleName.REDRIVE_STOPPED) == []
    async with connected(pool) as connection:
        await redrive_store.end(connection, first.id, done=False, why="the canary failed", now=NOW)
    [alert] = await alerts(pool, RuleName.REDRIVE_STOPPED)
    assert alert.about == f"redrive {first.id}"
    assert "the canary failed" in alert.zh
    async with connected(pool) as connection:
        second = await redrive_store.freeze(connection, query, terms, decision, CODEC.encode_record)
    assert await about(pool, RuleName.REDRIVE_STOPPED) == [], "somebody is at it"
    async with connected(pool) as connection:
        await redrive_store.end(connection, second.id, done=False, why="sre: enough", now=NOW, by_hand=True)
    assert await about(pool, RuleName.REDRIVE_STOPPED) == [], "a person stopped it"
    async with connected(pool) as connection:
        third = await redrive_store.freeze(connection, query, terms, decision, CODEC.encode_record)
        await redrive_store.end(connection, third.id, done=False, why="the canary failed", now=NOW)
    assert await about(pool, RuleName.REDRIVE_STOPPED) == [f"redrive {third.id}"]
    async with connected(pool) as connection:
        await store.discard(connection, numbers, decision, CODEC.encode_record)
    assert await about(pool, RuleName.REDRIVE_STOPPED) == []
