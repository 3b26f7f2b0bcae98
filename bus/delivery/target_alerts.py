"""Alerts of deliveries: a dead letter, a paused target, an open breaker."""

from bus.alerts.alert import Alert
from bus.alerts.rule_names import RuleName
from bus.delivery.dead_letter_port import ParkedDelivery
from bus.domain.text import Text


def parked(one: ParkedDelivery) -> Alert:
    """Make the alert of a delivery that became a dead letter."""
    kind, version = str(one.failure["kind"]), one.claim.version
    return Alert(
        rule=RuleName.DEAD_LETTER,
        about=one.target,
        zh=f"投递 {one.target} 失败,已转为死信,该工单后续投递在其后等待;用 deadletter list 查看",
        en=f"a delivery to {one.target} is a dead letter, and what follows for its ticket waits; see `deadletter list`",
        ticket_id=one.claim.ticket_id,
        trace_id=one.recorded.trace_id if one.recorded else "",
        facts={"version": version, "reason": one.reason.value, "kind": kind, "attempts": one.claim.attempt},
    )


def paused(target: str, why: Text) -> Alert:
    """Make the alert of a target that is paused until a person resumes it."""
    return Alert(
        rule=RuleName.TARGET_PAUSED,
        about=target,
        zh=f"{target} 已自动暂停:{why.zh};修复后执行 delivery resume {target}",
        en=f"{target} is paused: {why.en}; mend it, then `delivery resume {target}`",
    )


def breaker_open(target: str, failures: int) -> Alert:
    """Make the alert of an open breaker; a probe that succeeds closes it."""
    return Alert(
        rule=RuleName.BREAKER_OPEN,
        about=target,
        zh=f"{target} 连续失败 {failures} 次,已熔断;只发探测,恢复后自动继续",
        en=f"{target} failed {failures} times in a row; only probes go there until it answers",
        facts={"failures": failures},
    )
