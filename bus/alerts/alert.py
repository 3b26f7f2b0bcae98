"""An alert: what needs a person, by rule and subject, and the sink that takes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bus.alerts.rule_names import RuleName


class Severity(StrEnum):
    """How soon a person must act: P1 now, at night too; P2 today; P3 when there is time."""

    P1 = "p1"
    P2 = "p2"
    P3 = "p3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What is wrong now. `about` names the target, stage, host or ticket; rule and about are its fingerprint.

    `zh` and `en` say what is wrong, since when and what it will cost; `mend` is the command that mends it.
    `newest`: the number of the newest of what it is about, which no clock gives: when it has grown, people hear of an
    open alert again. `since`: when it began, of rules that count what happened: beginning anew it is heard of again,
    though its alert is not closed yet. `severity` where it is not the rule's own. None of it holds personal data,
    secrets or bodies.
    """

    rule: RuleName
    about: str
    zh: str
    en: str
    mend: str = ""
    severity: Severity | None = None
    newest: int | None = None
    since: datetime | None = None
    ticket_id: str = ""
    trace_id: str = ""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


AlertSink = Callable[[Alert], None]
"""Take an alert in; never raises, never blocks. Handed in by the composition root."""
