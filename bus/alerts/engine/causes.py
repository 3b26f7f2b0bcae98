"""Which alert is the cause of which others: people hear of the cause, and it names how many it hides. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bus.alerts.engine.alert_state import AlertState
from bus.alerts.rule_names import RuleName

HIDES: Final[Mapping[RuleName, Collection[RuleName]]] = {
    RuleName.DATABASE_AWAY: (RuleName.NO_WORKER, RuleName.TASK_FAILED),
    RuleName.NO_WORKER: (RuleName.PUSH_OVERDUE,),
}


def cause_of(effect: AlertState, open_alerts: Sequence[AlertState]) -> str:
    """Name the open alert that hides this one, as rule|about; empty: none does."""
    return next(
        (
            f"{cause.alert.rule.value}|{cause.alert.about}"
            for cause in open_alerts
            if effect.alert.rule in HIDES.get(cause.alert.rule, ())
        ),
        "",
    )
