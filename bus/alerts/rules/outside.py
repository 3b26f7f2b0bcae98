"""The rule of others' alerts: open until the Alertmanager that sent one says that it is resolved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.postgres.pool import Connection, read_rows

# An Alertmanager repeats what fires, every 4 hours unless it is set otherwise.
UNREPEATED_FOR: Final = timedelta(hours=12)
_READ: Final = b"""
SELECT client, fingerprint, name, subject, severity, summary, starts_at, received_at, region
FROM outside_alerts WHERE firing"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringAlert:
    """An alert of others that fires, and when it was last sent."""

    client: str
    fingerprint: str
    name: str
    subject: str
    severity: str
    summary: str
    starts_at: datetime
    received_at: datetime
    region: str = ""


async def _firing(connection: Connection) -> Sequence[FiringAlert]:
    return await read_rows(connection, _READ, FiringAlert)


def _open(found: Sequence[FiringAlert], now: datetime) -> Sequence[Alert]:
    return [_alert(one) for one in found if now - one.received_at <= UNREPEATED_FOR]


def _alert(one: FiringAlert) -> Alert:
    about = f"{one.client}: {one.name}" + (f" {one.subject}" if one.subject else "")
    since = time_text(one.starts_at, TO_THE_MINUTE)
    return Alert(
        rule=RuleName.OUTSIDE_ALERT,
        about=f"{about} ({one.fingerprint[:16]})",
        zh=f"{one.client} 报告,自 {since.zh} 起:{one.summary}",
        en=f"{one.client} reports {one.name} since {since.en}",
        severity=Severity(one.severity),
        facts={"region": one.region} if one.region else {},
    )


def _example(now: datetime, age: timedelta) -> FiringAlert:
    return FiringAlert(
        client="prometheus",
        fingerprint="0123456789abcdef",
        name="HighLoad",
        subject="crm-app-1:9100",
        severity=Severity.P2.value,
        summary="load is above 40",
        starts_at=now - age,
        received_at=now - age,
    )


OUTSIDE_ALERT: Final = AlertRule(
    name=RuleName.OUTSIDE_ALERT,
    severity=Severity.P2,
    title=Text("外部告警", "an alert of others"),
    read=_firing,
    evaluate=_open,
    fires=lambda now: [_example(now, timedelta(minutes=1))],
    quiet=lambda now: [_example(now, timedelta(hours=13))],
)
