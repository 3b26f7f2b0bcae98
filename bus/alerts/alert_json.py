"""An alert as JSON, as it stands in PostgreSQL and in answers."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule_names import RuleName
from bus.observability.masking import mask_text

_WORDS = ("zh", "en", "mend")


def alert_json(alert: Alert) -> dict[str, Any]:
    """Give an alert as JSON; phones are masked, whoever wrote its sentences."""
    since = alert.since.isoformat() if alert.since else None
    plain = asdict(alert) | {"facts": dict(alert.facts), "since": since}
    return {name: mask_text(value) if name in _WORDS else value for name, value in plain.items()}


def alert_of(stored: Mapping[str, Any]) -> Alert:
    """Read an alert from its JSON; what another version wrote beside it is left out."""
    severity = Severity(stored["severity"]) if stored["severity"] else None
    known = {name: value for name, value in stored.items() if name in Alert.__dataclass_fields__}
    since = datetime.fromisoformat(stored["since"]) if stored.get("since") else None
    return Alert(**{**known, "rule": RuleName(stored["rule"]), "severity": severity, "since": since})
