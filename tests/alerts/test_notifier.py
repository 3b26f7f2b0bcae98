"""Alerts from PostgreSQL to robots: one round at a time, a second channel where the first fails, never too many."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from psycopg_pool import AsyncConnectionPool

from adapters.simulators.chat_robot import PER_MINUTE, RobotFault
from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.advance import advance
from bus.alerts.engine.alert_admin import acknowledge, closed_alerts, one_alert, open_alerts
from bus.alerts.engine.alert_store import known_alerts, store
from bus.alerts.engine.rounds import database_away
from bus.alerts.engine.silences import silence
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.reported import Reports
from bus.cli.alerts import alert_line
from bus.domain.errors import StoreUnavailable
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Connection, Pool, connected, in_transaction
from tests.alerts.alerting import REPORTED, Alerting, paused


async def test_notifier_an_alert_reaches_the_robot_once_with_what_mends_it_and_no_phone(alerting: Alerting) -> None:
    await alerting.report(paused())
    await alerting.report(paused())
    await alerting.send()
    await alerting.send()
    ((_, text),) = alerting.first.messages
    assert text.splitlines()[0] == "【P1 告警】目标系统已暂停投递:erp"
    assert "处理 / mend: ticketbus delivery list" in text
    assert "13812345678" not in text
    (shown,) = await alerting.open()
    assert "13812345678" not in shown.zh
    found = await in_transaction(alerting.pool, one_alert, shown.number)
    assert found is not None
    assert [(one["channel"], one["flip"], one["sent_at"] is not None) for one in found.notices] == [
        ("first", "opened", True)
    ]


@pytest.mark.parametrize("fault", [one for one in RobotFault if one is not RobotFault.SILENT])
async def test_notifier_whatever_the_robot_answers_the_second_channel_has_it_within_a_minute(
    alerting: Alerting, fault: RobotFault
) -> None:
    alerting.first.fault = fault
    await alerting.report(paused())
    for _ in range(0, 60, 5):
        await alerting.send()
        await alerting.pass_time(5)
    assert not alerting.first.messages
    ((_, text),) = alerting.second.messages
    assert "渠道 first 失败" in text
    async with connected(alerting.pool) as connection:
        messages = await RULES["channel_failing"].read(connection)
    tries = sum(one.channel == "first" for one in messages)
    failing = [one.about for one in RULES["channel_failing"].evaluate(messages, utc_now())]
    assert failing == (["first"] if tries > 1 else []), "a robot that is busy is passed over at once"


async def test_notifier_a_storm_is_one_digest_and_the_p1_in_it_is_alone_and_no_robot_is_locked(
    alerting: Alerting,
) -> None:
    storm = [paused(f"target-{number}", RuleName.BREAKER_OPEN) for number in range(999)]
    await alerting.report(*storm, paused("erp"))
    await alerting.send()
    texts = [text for _, text in alerting.first.messages]
    assert texts[0].startswith("【P1 告警】目标系统已暂停投递:erp")
    assert texts[1].startswith("999 条告警合并")
    assert len(texts) == 2
    assert alerting.first.locked == 0


async def test_notifier_the_rate_holds_whoever_sends(alerting: Alerting) -> None:
    for number in range(3):
        await alerting.report(*(paused(f"target-{number}-{n}") for n in range(10)))
        await asyncio.gather(*(alerting.notifier.send_due("first") for _ in range(3)))
    assert alerting.first.locked == 0
    assert len(alerting.first.messages) <= PER_MINUTE - 2


async def test_notifier_a_silence_hides_and_its_end_is_heard(alerting: Alerting) -> None:
    async with connected(alerting.pool) as connection:
        now = utc_now()
        until = now + timedelta(hours=1)
        made = await silence(connection, "target_paused", "erp", now=now, until=until, by="sre", why="maintenance")
    await alerting.report(paused())
    await alerting.send()
    assert not alerting.first.messages
    async with connected(alerting.pool) as connection:
        (only,) = await open_alerts(connection)
        assert only.silence == made
        await connection.execute("UPDATE alert_silences SET until = now()")
    await alerting.report(paused())
    await alerting.send()
    assert len(alerting.first.messages) == 1


async def test_notifier_an_alert_that_is_acknowledged_says_by_whom_and_one_that_ends_is_told(
    alerting: Alerting,
) -> None:
    await alerting.report(paused())
    await alerting.send()
    (only,) = await alerting.open()
    assert await in_transaction(alerting.pool, acknowledge, only.number, by="王芳", why="在处理")
    assert not await in_transaction(alerting.pool, acknowledge, only.number, by="李雷", why="")
    async with connected(alerting.pool) as connection:
        await connection.execute("DELETE FROM alert_reports")
        await connection.execute("UPDATE alerts SET gone_at = now() - interval '1 hour'")
    await alerting.report()
    await alerting.send()
    assert [text.splitlines()[0][:7] for _, text in alerting.first.messages] == ["【P1 告警】", "【P1 已恢复"]
    (closed,) = await in_transaction(alerting.pool, closed_alerts)
    assert (closed.acked_by, closed.acked_why) == ("王芳", "在处理")


async def test_notifier_an_alert_that_is_over_says_so_while_it_waits_to_close(alerting: Alerting) -> None:
    await alerting.report(paused())
    (lasts,) = await in_transaction(alerting.pool, open_alerts)
    assert (lasts.gone_at, "over since" in alert_line(lasts)) == (None, False)
    async with connected(alerting.pool) as connection:
        await connection.execute("DELETE FROM alert_reports")
    await alerting.report()
    (over,) = await in_transaction(alerting.pool, open_alerts)
    assert over.gone_at is not None
    closes_at = over.gone_at + RULES[over.rule].close_after
    assert f"over since {over.gone_at:%H:%M:%S}Z, 将于 closing at {closes_at:%H:%M:%S}Z" in alert_line(over)
    assert alert_line(replace(over, zh="3 个工单责任漂移\n新增 T1")).endswith(" | 3 个工单责任漂移")


async def test_notifier_an_alert_that_becomes_worse_is_no_longer_acknowledged(alerting: Alerting) -> None:
    await alerting.report(replace(paused(), severity=Severity.P2))
    (only,) = await alerting.open()
    assert await in_transaction(alerting.pool, acknowledge, only.number, by="王芳", why="在处理")
    await alerting.report(replace(paused(), severity=Severity.P2))
    (acked,) = await alerting.open()
    assert acked.acked_at is not None
    await alerting.report(replace(paused(), severity=Severity.P1))
    await alerting.report(replace(paused(), severity=Severity.P1))
    (worse,) = await alerting.open()
    assert (worse.severity, worse.acked_at) == ("p1", None)


async def test_notifier_a_rule_that_fails_holds_up_no_other_and_closes_nothing(alerting: Alerting) -> None:
    await alerting.report(paused(), paused("shard 3", RuleName.SHARD_STOPPED))

    async def fails(_: Connection) -> Reports:
        async with connected(alerting.pool) as connection:
            await connection.execute("SELECT 1 / 0")
        return []

    broken = {**REPORTED, "target_paused": replace(REPORTED["target_paused"], read=fails)}
    rounds = replace(alerting.rounds, rules=broken)
    async with connected(alerting.pool) as connection:
        await connection.execute("DELETE FROM alert_reports")
        await connection.execute("UPDATE alert_rounds SET begun_at = '-infinity'")
        await connection.execute("UPDATE alerts SET gone_at = now() - interval '1 hour' WHERE rule = 'shard_stopped'")
    await rounds.hold()
    assert [one.rule for one in await alerting.open()] == ["target_paused"]


async def test_notifier_without_postgres_the_alert_goes_directly_and_once_and_so_does_its_end(
    alerting: Alerting,
) -> None:
    direct = alerting.rounds.direct
    alerting.first.fault = RobotFault.ERROR
    for _ in range(3):
        await direct.send([database_away(StoreUnavailable("PostgreSQL is away"))])
    for _ in range(2):
        await direct.recovered()
    heads = [text.partition("】")[0] for _, text in alerting.second.messages]
    assert heads == ["【P1 告警", "【P1 已恢复"]
    await direct.send([database_away(StoreUnavailable("PostgreSQL is away"))])  # again, soon after
    assert len(alerting.second.messages) == 3


async def test_notifier_what_a_channel_took_without_postgres_is_not_sent_there_once_it_is_stored(
    alerting: Alerting,
) -> None:
    mild, urgent = paused("mild", RuleName.SOURCE_5XX), paused("urgent", RuleName.SOURCE_5XX)
    untaken = paused("untaken", RuleName.SOURCE_5XX)
    reports, direct = alerting.reports, alerting.rounds.direct
    reports.directly = direct.send

    async def away(*alerts: Alert) -> None:
        for one in alerts:
            reports.report(one)
        await reports.flush(AsyncConnectionPool(open=False))

    await away(replace(mild, severity=Severity.P2), replace(urgent, severity=Severity.P2))
    alerting.first.fault = alerting.second.fault = RobotFault.ERROR
    await away(replace(untaken, severity=Severity.P2))
    alerting.first.fault = alerting.second.fault = None
    assert len(alerting.first.messages) == 1
    await alerting.report(replace(mild, severity=Severity.P2), replace(urgent, severity=Severity.P1))
    await alerting.send()
    later = "".join(text for _, text in [*alerting.first.messages][1:])
    assert "urgent" in later, "it has become worse"
    assert "untaken" in later, "no channel took it"
    assert "mild" not in later


async def test_notifier_states_survive_the_way_through_the_database(pool: Pool) -> None:
    now = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
    changes = advance(
        RULES, {}, [replace(paused("round-trip"), newest=7)], read=RULES, silence_of=lambda _: "", now=now
    )
    async with connected(pool) as connection:
        await store(connection, changes, lambda _: (), now)
        known = await known_alerts(connection)
    state = known["target_paused", "round-trip"]
    assert (state.seen_at, state.opened_at, state.opened_notified_at) == (now, now, now)
    assert (state.alert.newest, state.notified_newest) == (7, 7)
    assert advance(RULES, {**known}, [state.alert], read=(), silence_of=lambda _: "", now=now) == []
