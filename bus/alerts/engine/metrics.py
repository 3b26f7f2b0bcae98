"""Metrics of alerts."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import Counter, Gauge

from bus.alerts.alert import Severity
from bus.alerts.engine.advance import Change
from bus.alerts.rule_names import RuleName

FLIPS = Counter("ticketbus_alert_flips_total", "What people were to hear of alerts", ["rule", "flip"])
OPEN = Gauge(
    "ticketbus_alerts_open", "Alerts that are open, hidden ones included, as every program reads them",
    ["rule", "severity"],
)  # fmt: skip
READ_AT = Gauge("ticketbus_alerts_read_at_seconds", "When this program last read which alerts are open, since 1970")
NOT_READ = Counter("ticketbus_alert_rule_failures_total", "Rules that could not be read in a round", ["rule"])
MESSAGES = Counter(
    "ticketbus_alert_messages_total", "Messages to channels, by what became of them", ["channel", "outcome"]
)
REFRESHES = Counter(
    "ticketbus_alert_refreshes_total", "All that is open, sent again to channels that forget", ["channel", "outcome"]
)
DIRECT = Counter("ticketbus_alert_direct_total", "Alerts sent without PostgreSQL", ["rule"])


def count(changes: Sequence[Change]) -> None:
    """Count what people hear of by a round."""
    for one in changes:
        if one.flip:
            FLIPS.labels(one.state.alert.rule.value, one.flip.value).inc()


def show(open_now: Mapping[tuple[str, str], int], at: datetime) -> None:
    """Show how many alerts of each rule and severity are open; every rule has its series, open or not."""
    for rule in RuleName:
        for severity in Severity:
            OPEN.labels(rule.value, severity.value).set(open_now.get((rule.value, severity.value), 0))
    READ_AT.set(at.timestamp())
