"""Which alert is the cause of which others: people hear of the cause, and it names how many it hides. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bus.alerts.engine.alert_state import AlertState
from bus.alerts.rule_names import RuleName

HIDES: Final[Mapping[RuleName, Collection[RuleName]]] = {
    RuleName.DATABASE_AWAY: (RuleName.NO_WORKER, RuleName.TASK_FAILED),
    RuleName.NO_WORKER: (RuleName.PUSH_OVERDUE, RuleName.HOST_SILENT),
}

# Of the same host alone: what is about a host hides what is about its disks, "HOST PATH".
HIDES_OF_ITS_OWN: Final[Mapping[RuleName, Collection[RuleName]]] = {
    RuleName.HOST_SILENT: (RuleName.DISK_WATERMARK, RuleName.DISK_FILLING, RuleName.DISK_READ_ONLY),
}


def cause_of(effect: AlertState, open_alerts: Sequence[AlertState]) -> str:
    """Name the open alert that hides this one, as rule|about; empty: none does."""
    return next(
        (
            f"{cause.alert.rule.value}|{cause.alert.about}"
            for cause in open_alerts
            if effect.alert.rule in HIDES.get(cause.alert.rule, ())
            or (
                effect.alert.rule in HIDES_OF_ITS_OWN.get(cause.alert.rule, ())
                and f"{effect.alert.about} ".startswith(f"{cause.alert.about} ")
            )
        ),
        "",
    )
