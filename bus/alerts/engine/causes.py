"""Which alert is the cause of which others: people hear of the cause, and it names how many it hides. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from bus.alerts.alert import Severity
from bus.alerts.engine.alert_state import AlertState
from bus.alerts.rule_names import RuleName
from bus.intake.commands_topic import COMMANDS_HANDLER
from bus.intake.intake_topic import INTAKE_HANDLER
from schemas.topics import COMMANDS, HOSTS

CONSUMERS: Final = (
    RuleName.CONSUMER_STOPPED,
    RuleName.CONSUMER_STALLED,
    RuleName.CONSUMER_NEVER_STARTED,
    RuleName.CONSUMER_SLOW,
)


def _always(_cause: AlertState, _effect: AlertState) -> bool:
    return True


def _same_subject(cause: AlertState, effect: AlertState) -> bool:
    """Say whether the effect is about a disk of the host, "HOST PATH", or the queue of the target."""
    return f"{effect.alert.about} ".startswith(f"{cause.alert.about} ")


def _own_reader(_cause: AlertState, effect: AlertState) -> bool:
    """Say whether the effect is about one of this bus's own readers."""
    return bool(effect.alert.facts.get("own"))


def _part_of_stage(cause: AlertState, effect: AlertState) -> bool:
    """Say whether the effect is about a part of a program, "PROGRAM: STAGE", that is a stage standing still."""
    part = effect.alert.about.rpartition(": ")[2]
    return part in str(cause.alert.facts.get("stage", "")).split()


def _waits_for_kafka(_cause: AlertState, effect: AlertState) -> bool:
    """Say whether the effect is that stages wait for Kafka, as the relay does."""
    return effect.alert.about == "Kafka"


def _floor_of_store(cause: AlertState) -> bool:
    return cause.severity is Severity.P1 and cause.alert.facts.get("role") in ("broker", "database")


def _intake_stopped(cause: AlertState, effect: AlertState) -> bool:
    """Say whether a disk at its floor has stopped intake: so a source has a 503, a stage waits, a topic is silent."""
    if not _floor_of_store(cause):
        return False
    if effect.alert.rule is RuleName.TOPIC_SILENT:
        return _filled_by_sources(effect)
    if effect.alert.rule is RuleName.SOURCE_5XX:
        return effect.alert.facts.get("status") == 503
    if effect.alert.rule is RuleName.INTAKE_SPOOLED:
        return True
    return effect.alert.about in (INTAKE_HANDLER, COMMANDS_HANDLER)


def _filled_by_sources(effect: AlertState) -> bool:
    """Say whether a silent topic's records come of what sources send to the gateway."""
    return effect.alert.about not in (HOSTS, COMMANDS)


def _no_source_sends(cause: AlertState, effect: AlertState) -> bool:
    return bool(cause.alert.facts.get("every_source")) and _filled_by_sources(effect)


def _filled_by_relay(_cause: AlertState, effect: AlertState) -> bool:
    return effect.alert.about != HOSTS


def _filled_by_hosts(_cause: AlertState, effect: AlertState) -> bool:
    return effect.alert.about == HOSTS


def _floor_of_its_host(cause: AlertState, effect: AlertState) -> bool:
    """Say whether a disk at its floor pauses the target whose queue the effect is about, "TARGET deliveries"."""
    paused = str(cause.alert.facts.get("targets", "")).split() if cause.severity is Severity.P1 else []
    of_target = effect.alert.facts.get("kind") == "queue" or _of_target(cause, effect)
    return of_target and (effect.alert.about.split()[0] in paused or _canary_of(effect) in paused)


def _canary_of(effect: AlertState) -> str:
    """Name the new version of a target at which all waits that has not reached the target; empty: none."""
    return str(effect.alert.facts.get("canary", ""))


def _of_target(_cause: AlertState, effect: AlertState) -> bool:
    """Say whether the effect is that a target was not reached in time."""
    return effect.alert.facts.get("hop") == "delivered"


def _target_not_reached(cause: AlertState, effect: AlertState) -> bool:
    return _of_target(cause, effect) and (_same_subject(cause, effect) or _canary_of(effect) == cause.alert.about)


def _way_of_bus(_cause: AlertState, effect: AlertState) -> bool:
    """Say whether the effect is that the bus itself was late; whether a person acted is another matter."""
    return effect.alert.facts.get("hop") != "acted_on"


def _handler_stopped(cause: AlertState, effect: AlertState) -> bool:
    """Say whether the stage that stands still is the way of what is missing; "Kafka": all stages wait for it."""
    stages = str(cause.alert.facts.get("stage", "")).split()
    own = cause.alert.about == "Kafka" or _same_subject(cause, effect)
    return own or ("delivery" in stages and _of_target(cause, effect))


def _intake_stands(cause: AlertState, _effect: AlertState) -> bool:
    """Say whether nobody reads the spool: no worker at all, none for the stage intake, or that stands still."""
    stages = (cause.alert.about, *str(cause.alert.facts.get("stage", "")).split())
    return cause.alert.about == "worker" or INTAKE_HANDLER in stages


def _own_probe(_cause: AlertState, effect: AlertState) -> bool:
    """Say whether the effect is that the bus's own probe is not home, not a target's."""
    return not effect.alert.facts.get("target")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Rules whose open alerts hide those of other rules, where `when` says that one is the other's cause."""

    rules: Collection[RuleName]
    hides: Collection[RuleName]
    when: Callable[[AlertState, AlertState], bool] = _always


CAUSES: Final = (
    Cause(rules=(RuleName.NO_WORKER,), hides=(RuleName.PUSH_OVERDUE, RuleName.HOST_SILENT, RuleName.PROBE_MISSING)),
    Cause(rules=(RuleName.NO_WORKER, RuleName.STAGE_STOPPED), hides=CONSUMERS, when=_own_reader),
    Cause(rules=(RuleName.NO_WORKER, RuleName.STAGE_STOPPED), hides=(RuleName.INTAKE_SPOOLED,), when=_intake_stands),
    Cause(
        rules=(RuleName.NO_WORKER, RuleName.SHARD_STOPPED, RuleName.RELAY_STUCK),
        hides=(RuleName.HOP_MISSING,),
        when=_way_of_bus,
    ),
    Cause(rules=(RuleName.STAGE_STOPPED,), hides=(RuleName.HOP_MISSING,), when=_handler_stopped),
    Cause(rules=(RuleName.STAGE_STOPPED,), hides=(RuleName.TASK_FAILED,), when=_part_of_stage),
    Cause(
        rules=(RuleName.SHARD_STOPPED, RuleName.RELAY_STUCK, RuleName.STAGE_STOPPED),
        hides=(RuleName.PROBE_MISSING,),
        when=_own_probe,
    ),
    Cause(rules=(RuleName.SHARD_STOPPED,), hides=(RuleName.RELAY_STUCK,)),
    Cause(rules=(RuleName.RELAY_STUCK,), hides=(RuleName.STAGE_STOPPED,), when=_waits_for_kafka),
    Cause(rules=(RuleName.RELAY_STUCK,), hides=(RuleName.TOPIC_SILENT,), when=_filled_by_relay),
    Cause(
        rules=(RuleName.TARGET_PAUSED, RuleName.BREAKER_OPEN),
        hides=(*CONSUMERS, RuleName.PROBE_MISSING),
        when=_same_subject,
    ),
    Cause(
        rules=(RuleName.TARGET_PAUSED, RuleName.BREAKER_OPEN), hides=(RuleName.HOP_MISSING,), when=_target_not_reached
    ),
    Cause(
        rules=(RuleName.HOST_SILENT,),
        hides=(RuleName.DISK_WATERMARK, RuleName.DISK_FILLING, RuleName.DISK_READ_ONLY),
        when=_same_subject,
    ),
    Cause(rules=(RuleName.HOST_SILENT,), hides=(RuleName.TOPIC_SILENT,), when=_filled_by_hosts),
    Cause(
        rules=(RuleName.DISK_WATERMARK,),
        hides=(RuleName.SOURCE_5XX, RuleName.STAGE_STOPPED, RuleName.INTAKE_SPOOLED, RuleName.TOPIC_SILENT),
        when=_intake_stopped,
    ),
    Cause(rules=(RuleName.DISK_WATERMARK,), hides=(*CONSUMERS, RuleName.HOP_MISSING), when=_floor_of_its_host),
    Cause(rules=(RuleName.SOURCE_SILENT,), hides=(RuleName.TOPIC_SILENT,), when=_no_source_sends),
)
CAUSING: Final = frozenset(rule for cause in CAUSES for rule in cause.rules)


def hidden_by_name(cause: AlertState) -> str:
    """Name a cause as what it hides does: rule|about."""
    return f"{cause.alert.rule.value}|{cause.alert.about}"


def cause_of(effect: AlertState, open_alerts: Sequence[AlertState]) -> str:
    """Name the open alert that hides this one, as rule|about; empty: none does."""
    return next(
        (
            hidden_by_name(found)
            for found in open_alerts
            for cause in CAUSES
            if found.alert.rule in cause.rules and effect.alert.rule in cause.hides and cause.when(found, effect)
        ),
        "",
    )
