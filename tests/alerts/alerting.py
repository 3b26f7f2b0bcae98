"""Alerts of reports, and two robots that hear of them: the second takes over from the first."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from adapters.channels.wecom_robot import WecomRobot
from adapters.simulators.wecom_robot import WecomRobotSimulator
from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_admin import ListedAlert, open_alerts
from bus.alerts.engine.alerts_config import AlertsConfig, ChannelConfig
from bus.alerts.engine.direct_path import DirectPath
from bus.alerts.engine.notifier import Notifier
from bus.alerts.engine.rounds import Rounds
from bus.alerts.report_queue import ReportQueue
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.reported import reported
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Connection, Pool, connected, in_transaction

# Every rule, of reports alone: what is tested is not what rules read.
REPORTED = {name: reported(rule.name, rule.severity, rule.title) for name, rule in RULES.items()}


async def publish_nothing(_: Connection, __: Sequence[Change]) -> None:
    """Queue no records."""


@dataclass(slots=True, kw_only=True)
class Alerting:
    """Two robots, the second behind the first."""

    pool: Pool
    first: WecomRobotSimulator
    second: WecomRobotSimulator
    notifier: Notifier
    rounds: Rounds
    reports: ReportQueue = field(default_factory=ReportQueue)

    async def report(self, *alerts: Alert) -> None:
        """Report alerts and let a round pass."""
        for one in alerts:
            self.reports.report(one)
        await self.reports.flush(self.pool)
        async with connected(self.pool) as connection:
            await connection.execute("UPDATE alert_rounds SET begun_at = '-infinity'")
        assert await self.rounds.hold() is not None

    async def send(self) -> None:
        """Send what is due on both channels."""
        for name in self.notifier.channels:
            await self.notifier.send_due(name)

    async def pass_time(self, seconds: float) -> None:
        """Move what waits and what was sent into the past."""
        async with connected(self.pool) as connection:
            back = {"by": timedelta(seconds=seconds)}
            await connection.execute(
                "UPDATE alert_notices SET due_at = due_at - %(by)s, made_at = made_at - %(by)s WHERE sent_at IS NULL",
                back,
            )
            await connection.execute("UPDATE alert_messages SET begun_at = begun_at - %(by)s", back)
            await connection.execute("UPDATE alert_channels SET not_before = not_before - %(by)s", back)

    async def open(self) -> list[ListedAlert]:
        """List what is open."""
        return await in_transaction(self.pool, open_alerts)


@pytest.fixture
async def alerting(pool: Pool) -> AsyncIterator[Alerting]:
    """Begin without alerts."""
    async with connected(pool) as connection:
        await connection.execute(
            "TRUNCATE alerts, alert_notices, alert_messages, alert_channels, alert_reports, alert_silences"
        )
    async with two_robots() as (first, second):
        channels = {"first": WecomRobot(first.url), "second": WecomRobot(second.url)}
        config = AlertsConfig(
            channels={
                "first": ChannelConfig(adapter="wecom-robot", second="second"),
                "second": ChannelConfig(adapter="wecom-robot"),
            },
            routes=[{"channels": ["first"]}],
        )
        direct = DirectPath(config=config, channels=channels, rules=RULES, now=utc_now)
        notifier = Notifier(pool=pool, config=config, channels=channels, rules=RULES)
        rounds = Rounds(
            pool=pool, rules=REPORTED, channels_of=config.channels_of, publish=publish_nothing, direct=direct
        )
        made = Alerting(pool=pool, first=first, second=second, notifier=notifier, rounds=rounds)
        yield made
        for one in channels.values():
            await one.close()


@asynccontextmanager
async def two_robots() -> AsyncIterator[tuple[WecomRobotSimulator, WecomRobotSimulator]]:
    """Let two robots listen."""
    async with WecomRobotSimulator() as first, WecomRobotSimulator() as second:
        yield first, second


def paused(about: str = "erp", rule: RuleName = RuleName.TARGET_PAUSED) -> Alert:
    """Make an alert; a phone in its words, as a vendor's message may have."""
    return Alert(
        rule=rule,
        about=about,
        zh=f"{about} 已暂停,联系 13812345678",
        en=f"{about} is paused",
        mend="ticketbus delivery list",
    )
