"""Which alert is the cause of which others: people hear of the cause, and it names how many it hides. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bus.alerts.engine.alert_state import AlertState
from bus.alerts.rule_names import RuleName

CONSUMERS: Final = (
    RuleName.CONSUMER_STOPPED,
    RuleName.CONSUMER_STALLED,
    RuleName.CONSUMER_NEVER_STARTED,
    RuleName.CONSUMER_SLOW,
)
HIDES: Final[Mapping[RuleName, Collection[RuleName]]] = {
    RuleName.DATABASE_AWAY: (RuleName.NO_WORKER, RuleName.TASK_FAILED),
    RuleName.NO_WORKER: (RuleName.PUSH_OVERDUE, RuleName.HOST_SILENT),
}

# Of the same host or target alone: what is about a host hides what is about its disks, "HOST PATH", and a target its
# queue, "TARGET deliveries".
HIDES_OF_ITS_OWN: Final[Mapping[RuleName, Collection[RuleName]]] = {
    RuleName.HOST_SILENT: (RuleName.DISK_WATERMARK, RuleName.DISK_FILLING, RuleName.DISK_READ_ONLY),
    RuleName.TARGET_PAUSED: CONSUMERS,
    RuleName.BREAKER_OPEN: CONSUMERS,
}

# Of this bus's own readers alone: why they read nothing.
HIDES_OWN_READERS: Final = (RuleName.NO_WORKER, RuleName.STAGE_STOPPED)


def cause_of(effect: AlertState, open_alerts: Sequence[AlertState]) -> str:
    """Name the open alert that hides this one, as rule|about; empty: none does."""
    return next(
        (
            f"{cause.alert.rule.value}|{cause.alert.about}"
            for cause in open_alerts
            if effect.alert.rule in HIDES.get(cause.alert.rule, ())
            or (
                cause.alert.rule in HIDES_OWN_READERS
                and effect.alert.rule in CONSUMERS
                and effect.alert.facts.get("own")
            )
            or (
                effect.alert.rule in HIDES_OF_ITS_OWN.get(cause.alert.rule, ())
                and f"{effect.alert.about} ".startswith(f"{cause.alert.about} ")
            )
        ),
        "",
    )
