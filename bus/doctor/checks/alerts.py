"""Open alerts: what the bus itself has found already."""

from collections.abc import Sequence
from typing import Final

from bus.alerts.alert import Severity
from bus.alerts.engine.alert_admin import ListedAlert, open_alerts
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.postgres.pool import in_transaction

NAME: Final = "alerts"
LISTED_MAX: Final = 20


async def _read(examined: Examined) -> Sequence[ListedAlert]:
    return await in_transaction(examined.database, open_alerts)


def judge(found: Sequence[ListedAlert]) -> Sequence[Diagnosis]:
    """Say how many are open by rule, and how urgent; their texts may name tickets, and are left out. Pure."""
    rules = dict[tuple[str, str], list[ListedAlert]]()
    for one in found:
        if not one.hidden_by and not one.drill:
            rules.setdefault((one.severity, one.rule), []).append(one)
    return [
        Diagnosis(
            check=NAME,
            verdict="note" if severity == Severity.P3.value else "wrong",
            says=f"{rule} ({severity.upper()}) is open {len(alerts)} times, since {min(_since(one) for one in alerts)}",
            mend=f"ticketbus alerts list   # docs/alerts.md#{rule.replace('_', '-')}",
            evidence={"rule": rule, "severity": severity, "open": len(alerts)},
        )
        for (severity, rule), alerts in sorted(rules.items())[:LISTED_MAX]
    ] or [Diagnosis(check=NAME, verdict="ok", says="no alert is open")]


def _since(one: ListedAlert) -> str:
    return f"{one.opened_at:%Y-%m-%d %H:%M} UTC" if one.opened_at else "now"


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
