"""The sink of alerts that logs and counts each."""

import structlog
from prometheus_client import Counter

from bus.alerts.alert import Alert

RAISED = Counter("ticketbus_findings", "What a person must hear of, by rule", ["rule"])
log = structlog.get_logger()


def log_alert(alert: Alert) -> None:
    """Log an alert and count it."""
    RAISED.labels(alert.rule).inc()
    ids = {name: value for name in ("ticket_id", "trace_id") if (value := getattr(alert, name))}
    log.error("finding", rule=alert.rule.value, about=alert.about, zh=alert.zh, en=alert.en, **ids, **alert.facts)
