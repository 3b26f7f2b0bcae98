"""An alert: what needs a person, by rule and subject, and the sink that takes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bus.alerts.alert_rules import AlertRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`about` names the target, stage or ticket; the sentences say what is wrong and what to do.

    Neither they nor `facts` hold personal data, secrets or bodies.
    """

    rule: AlertRule
    about: str
    zh: str
    en: str
    ticket_id: str = ""
    trace_id: str = ""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


AlertSink = Callable[[Alert], None]
"""Take an alert in; never raises, never blocks. Handed in by the composition root."""
