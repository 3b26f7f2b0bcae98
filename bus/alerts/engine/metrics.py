"""Metrics of alerts."""

from collections.abc import Iterable, Sequence

from prometheus_client import Counter, Gauge

from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState

FLIPS = Counter("ticketbus_alert_flips_total", "What people were to hear of alerts", ["rule", "flip"])
OPEN = Gauge("ticketbus_alerts_open", "Alerts that are open, hidden ones included", ["severity"])
NOT_READ = Counter("ticketbus_alert_rule_failures_total", "Rules that could not be read in a round", ["rule"])
MESSAGES = Counter(
    "ticketbus_alert_messages_total", "Messages to channels, by what became of them", ["channel", "outcome"]
)
DIRECT = Counter("ticketbus_alert_direct_total", "Alerts sent without PostgreSQL", ["rule"])
_SEVERITIES = ("p1", "p2", "p3")


def count(changes: Sequence[Change], known: Iterable[AlertState]) -> None:
    """Count what a round made of the alerts that were known."""
    for one in changes:
        if one.flip:
            FLIPS.labels(one.state.alert.rule.value, one.flip.value).inc()
    states = {one.fingerprint: one for one in known} | {one.state.fingerprint: one.state for one in changes}
    for severity in _SEVERITIES:
        OPEN.labels(severity).set(sum(one.is_open and one.severity == severity for one in states.values()))
