"""A channel that forgets is sent all that is open each minute, by one program, and what closed for 15 minutes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from adapters.channels.alertmanager import AlertmanagerChannel
from bus.alerts.engine.alerts_config import AlertsConfig, ChannelConfig
from bus.alerts.engine.notifier import Notifier
from bus.alerts.rule_names import RuleName
from bus.postgres.pool import connected
from tests.adapters.http_receiver import OK, Receiver
from tests.alerts.alerting import Alerting, paused

Refreshed = tuple[Receiver, Notifier]


@pytest.fixture
async def refreshed(alerting: Alerting) -> AsyncIterator[Refreshed]:
    """Give an Alertmanager's end, to which every alert goes, and what sends there."""
    async with Receiver() as receiver:
        channel = AlertmanagerChannel(f"http://127.0.0.1:{receiver.port}")
        config = AlertsConfig(channels={"am": ChannelConfig(adapter="alertmanager")})
        alerting.rounds = replace(alerting.rounds, channels_of=lambda change: ["am" if known(change) else "second"])
        yield receiver, replace(alerting.notifier, config=config, channels={"am": channel})
        await channel.close()


def known(change: Any) -> bool:
    """Say whether an alert goes there."""
    return bool(change.state.alert.rule is not RuleName.BREAKER_OPEN)


def sent(receiver: Receiver) -> list[list[str]]:
    """List what each request was about, and forget them."""
    listed = [sorted(one["labels"]["about"] for one in orjson.loads(body)) for _, body in receiver.requests]
    receiver.requests.clear()
    return listed


async def minute(alerting: Alerting, by: timedelta = timedelta(seconds=61)) -> None:
    """Let time pass."""
    async with connected(alerting.pool) as connection:
        await connection.execute("UPDATE alert_channels SET refreshed_at = refreshed_at - %s", (by,))


async def test_refresh_all_that_is_open_goes_out_each_minute_once_whoever_sends(
    alerting: Alerting, refreshed: Refreshed
) -> None:
    receiver, notifier = refreshed
    await notifier.refresh("am")
    assert sent(receiver) == [], "there is nothing"
    await alerting.report(paused("erp"), paused("crm"), paused("elsewhere", RuleName.BREAKER_OPEN))
    await minute(alerting)
    for one in (notifier, replace(notifier)):
        await one.refresh("am")
    assert sent(receiver) == [["crm", "erp"]]
    await minute(alerting, timedelta(seconds=30))
    await notifier.refresh("am")
    assert sent(receiver) == [], "a minute is not over"
    await minute(alerting, timedelta(seconds=31))
    await notifier.refresh("am")
    assert sent(receiver) == [["crm", "erp"]]


async def test_refresh_what_failed_is_tried_again_in_15_seconds(alerting: Alerting, refreshed: Refreshed) -> None:
    receiver, notifier = refreshed
    receiver.answer = b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"
    await alerting.report(paused("erp"))
    await notifier.refresh("am")
    receiver.answer = OK % (0, b"")
    await notifier.refresh("am")
    assert sent(receiver) == [["erp"]], "not at once"
    await minute(alerting, timedelta(seconds=16))
    await notifier.refresh("am")
    assert sent(receiver) == [["erp"]]


async def test_refresh_what_closed_goes_out_for_15_minutes_with_its_end(
    alerting: Alerting, refreshed: Refreshed
) -> None:
    receiver, notifier = refreshed
    await alerting.report(paused("erp"))
    await notifier.send_due("am")
    async with connected(alerting.pool) as connection:
        await connection.execute("DELETE FROM alert_reports")
        await connection.execute("UPDATE alerts SET gone_at = now() - interval '1 hour'")
    await alerting.report()
    await notifier.send_due("am")
    await notifier.refresh("am")
    opened, closed, again = (orjson.loads(body)[0] for _, body in receiver.requests)
    assert opened["endsAt"] > closed["endsAt"] == again["endsAt"]
    assert opened["labels"] == again["labels"]
    sent(receiver)
    async with connected(alerting.pool) as connection:
        await connection.execute("UPDATE alerts SET closed_at = closed_at - interval '16 minutes'")
    await minute(alerting)
    await notifier.refresh("am")
    assert sent(receiver) == []
