"""Rules of what programs report themselves: open for as long as the report is fresh."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.alert_json import alert_of
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.postgres.pool import Connection

COUNTED_WITHIN: Final = timedelta(minutes=2)  # of failures to a source: without one for so long, a count begins anew
_READ: Final = b"SELECT alert, reported_at FROM alert_reports WHERE rule = %s AND reported_at > now() - %s::interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a program reported, and when it last did."""

    alert: Alert
    reported_at: datetime


Reports = Sequence[Report]


def reported(
    name: RuleName,
    severity: Severity,
    title: Text,
    *,
    lasts: timedelta = timedelta(minutes=10),
    close_after: timedelta = timedelta(minutes=1),
) -> AlertRule[Reports]:
    """Make the rule of reports: an alert is open until it was not reported for as long as `lasts`.

    Where several programs report one subject the most urgent counts, of these the last.
    """

    def evaluate(reports: Reports, now: datetime) -> Sequence[Alert]:
        fresh = sorted((one for one in reports if now - one.reported_at <= lasts), key=lambda one: one.reported_at)
        fresh.sort(key=lambda one: one.alert.severity or severity, reverse=True)
        return [*{one.alert.about: one.alert for one in fresh}.values()]

    def example(now: datetime) -> Report:
        return Report(alert=Alert(rule=name, about="example", zh=title.zh, en=title.en), reported_at=now)

    return AlertRule(
        name=name,
        severity=severity,
        title=title,
        read=_reader(name, lasts),
        evaluate=evaluate,
        fires=lambda now: [example(now)],
        quiet=lambda now: [example(now - 2 * lasts)],
        close_after=close_after,
    )


def _reader(name: RuleName, lasts: timedelta) -> Callable[[Connection], Awaitable[Reports]]:
    async def read(connection: Connection) -> Reports:
        rows = await (await connection.execute(_READ, (name.value, lasts))).fetchall()
        return [Report(alert=alert_of(alert), reported_at=at) for alert, at in rows]

    return read


REPORTED: Final = (
    reported(
        RuleName.SOURCE_5XX,
        Severity.P1,
        Text("对来源系统应答 5xx", "a source is answered 5xx"),
        lasts=COUNTED_WITHIN,
        close_after=timedelta(minutes=3),
    ),
    # Nobody can store this one: it leaves by the direct path, and is a rule for its severity, title and self-test.
    reported(RuleName.DATABASE_AWAY, Severity.P1, Text("无法连接 PostgreSQL", "PostgreSQL is away")),
)
