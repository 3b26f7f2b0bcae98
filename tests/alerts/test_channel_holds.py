"""A channel that asks for a wait is left alone by all, one lease is one message, and nothing waits for nobody."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.registry import CHANNELS
from adapters.simulators.chat_robot import RobotFault
from bus.alerts.alert import Severity
from bus.alerts.engine import notice_store
from bus.alerts.engine.alerts_config import load_alerts_config
from bus.alerts.engine.notice_store import LEASE
from bus.alerts.rule_names import RuleName
from bus.config_file import ConfigFileInvalid
from bus.postgres.pool import connected
from tests.alerts.alerting import Alerting, paused


async def notices(alerting: Alerting, channel: str) -> list[tuple[Any, ...]]:
    """List a channel's notices: what became of them."""
    query = """SELECT sent_at IS NOT NULL, given_up_at IS NOT NULL, failure FROM alert_notices
        WHERE channel = %s ORDER BY number"""
    async with connected(alerting.pool) as connection:
        return await (await connection.execute(query, (channel,))).fetchall()


async def test_holds_a_wait_that_a_robot_asks_for_holds_for_whoever_sends_and_its_second_has_all(
    alerting: Alerting,
) -> None:
    alerting.first.fault = RobotFault.THROTTLED
    await alerting.report(*(paused(f"target-{number}") for number in range(5)))
    other = replace(alerting.notifier)  # another program
    for one in (alerting.notifier, other):
        await one.send_due("first")
    assert alerting.first.calls == 1, "the first refusal ends it"
    await alerting.send()
    assert len(alerting.second.messages) == 5
    assert {failure for _, _, failure in await notices(alerting, "first")} == {"errcode 45009: api freq out of limit"}
    await alerting.report(paused("target-6"))
    await alerting.send()
    assert alerting.first.calls == 1, "what comes later waits too, or goes to the second"
    assert len(alerting.second.messages) == 6
    alerting.first.fault = None
    await alerting.pass_time(61)
    await alerting.report(paused("target-7"))
    await alerting.send()
    assert [text.partition(":")[2].splitlines()[0] for _, text in alerting.first.messages] == ["target-7"]


async def test_holds_without_a_second_all_waits_and_is_sent_after_it(alerting: Alerting) -> None:
    alerting.second.fault = RobotFault.THROTTLED
    routes = alerting.notifier.config.routes
    alone = alerting.notifier.config.model_copy(
        update={"routes": [routes[0].model_copy(update={"channels": ("second",)})]}
    )
    alerting.rounds = replace(alerting.rounds, channels_of=alone.channels_of)
    await alerting.report(paused("a"), paused("b"))
    for _ in range(59):
        await alerting.pass_time(1)
        await alerting.send()
    assert alerting.second.calls == 1
    alerting.second.fault = None
    await alerting.pass_time(2)
    await alerting.send()
    assert len(alerting.second.messages) == 2


async def test_holds_a_busy_robot_is_asked_again_before_its_second(alerting: Alerting) -> None:
    alerting.first.fault = RobotFault.BUSY
    await alerting.report(paused())
    await alerting.send()
    alerting.first.fault = None
    await alerting.pass_time(11)
    await alerting.send()
    assert (len(alerting.first.messages), len(alerting.second.messages)) == (1, 0)


async def test_holds_a_lease_is_of_one_message_so_a_slow_robot_sends_none_twice(alerting: Alerting) -> None:
    await alerting.report(*(paused(f"target-{number}") for number in range(4)))
    claims = []
    for _ in range(2):
        async with connected(alerting.pool) as connection:
            claimed = await notice_store.claim(connection, "first", alerting.notifier.rules, per_minute=18, second=None)
        assert claimed is not None
        claims.append([one.number for one in claimed.message.notices])
        await alerting.pass_time(LEASE.total_seconds() / 2 + 1 if len(claims) == 1 else 0)
    assert claims[0] != claims[1]
    assert [len(one) for one in claims] == [1, 1]


async def test_holds_that_an_alert_is_over_is_not_heard_of_before_itself(alerting: Alerting) -> None:
    alerting.first.fault = RobotFault.ERROR
    await alerting.report(paused())
    await alerting.send()
    alerting.first.fault = None
    async with connected(alerting.pool) as connection:
        await connection.execute("DELETE FROM alert_reports")
        await connection.execute("UPDATE alerts SET gone_at = now() - interval '1 hour'")
    await alerting.report()
    await alerting.send()
    assert not alerting.first.messages
    await alerting.pass_time(11)
    await alerting.send()
    await alerting.send()
    assert [text[:6] for _, text in alerting.first.messages] == ["【P1 告警", "【P1 已恢"]


async def test_holds_what_has_become_worse_waits_for_no_lease_and_the_older_news_is_not_sent_after_it(
    alerting: Alerting,
) -> None:
    await alerting.report(replace(paused(), severity=Severity.P2))
    async with connected(alerting.pool) as connection:  # by a program that dies before it writes down what it sent
        await notice_store.claim(connection, "first", alerting.notifier.rules, per_minute=18, second=None)
    await alerting.report(replace(paused(), severity=Severity.P1))
    await alerting.send()
    assert [text[:6] for _, text in alerting.first.messages] == ["【P1 告警"]
    await alerting.pass_time(LEASE.total_seconds() + 1)
    await alerting.send()
    assert len(alerting.first.messages) == 1
    assert await notices(alerting, "first") == [(True, False, "")] * 2


async def test_holds_what_waits_for_a_channel_that_no_file_names_is_closed_after_an_hour(alerting: Alerting) -> None:
    await alerting.report(paused("erp"), paused("crm", RuleName.BREAKER_OPEN))
    async with connected(alerting.pool) as connection:
        await connection.execute("UPDATE alert_notices SET channel = 'gone'")
    await alerting.notifier.close_unnamed()
    assert [given_up for _, given_up, _ in await notices(alerting, "gone")] == [False, False]
    await alerting.pass_time(3601)
    await alerting.report(paused("of today"))
    await alerting.pass_time(3601)
    await alerting.notifier.close_unnamed()
    closed = await notices(alerting, "gone")
    assert {(given_up, failure) for _, given_up, failure in closed} == {(True, str(notice_store.UNNAMED))}
    assert [given_up for _, given_up, _ in await notices(alerting, "first")] == [False], "its channel is named"


def read(folder: Path, **channel: Any) -> Any:
    """Read an alerts file with one channel."""
    file = folder / "alerts.yaml"
    file.write_text(yaml.safe_dump({"channels": {"sre": channel}}))
    return load_alerts_config(file, CHANNELS).channels["sre"]


def test_holds_a_robot_is_never_sent_more_than_what_locks_it(tmp_path: Path) -> None:
    wecom = {"adapter": "wecom-robot", "options": {"url_variable": "ROBOT"}}
    assert read(tmp_path, **wecom).per_minute == 18
    assert read(tmp_path, **wecom, per_minute=18).per_minute == 18
    assert read(tmp_path, adapter="log", per_minute=100).per_minute == 100
    dingtalk = {"adapter": "dingtalk-robot", "options": {"url_variable": "ROBOT", "secret_variable": "SECRET"}}
    for robot in (wecom, dingtalk):
        with pytest.raises(ConfigFileInvalid, match=r"alerts\.yaml: channels\.sre\.per_minute: .* at most 18"):
            read(tmp_path, **robot, per_minute=19)
