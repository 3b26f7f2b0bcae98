"""The table of causes, entry by entry: what each hides, and what stands beside it unhidden."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.alert_state import AlertState
from bus.alerts.engine.causes import CAUSES, CONSUMERS, cause_of
from bus.alerts.rule_names import RuleName

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
Facts = Mapping[str, str | int | float]


def state(rule: RuleName, about: str, severity: Severity = Severity.P1, **facts: str | int) -> AlertState:
    """Make an open alert."""
    alert = Alert(rule=rule, about=about, zh="坏了", en="broken", facts=facts)
    return AlertState(alert=alert, severity=severity, seen_at=NOW, opened_at=NOW)


FLOOR = state(RuleName.DISK_WATERMARK, "kafka-1 /data", role="broker")
REFUSED = state(RuleName.SOURCE_5XX, "crm", status=503)
FULL_HOST = state(RuleName.DISK_WATERMARK, "erp-1 /data", role="consumer", targets="crm erp")
MISSING_AT_ERP = state(RuleName.HOP_MISSING, "erp sent_to_erp", hop="delivered")
MISSING_IN_LIST = state(RuleName.HOP_MISSING, "tickets new_ticket_listed", hop="projected")
AT_CANARY = state(RuleName.HOP_MISSING, "erp sent_to_erp", hop="delivered", canary="erp-v2")
NOT_TAKEN = state(RuleName.HOP_MISSING, "assignment.accepted job_taken", hop="acted_on")
SILENT_ASSIGN, SILENT_HOSTS = state(RuleName.TOPIC_SILENT, "ticket.assign"), state(RuleName.TOPIC_SILENT, "bus.hosts")
OWN_PROBE, ERP_PROBE = (
    state(RuleName.PROBE_MISSING, "probe", target=""),
    state(RuleName.PROBE_MISSING, "erp probe", target="erp"),
)
SPOOLED = state(RuleName.INTAKE_SPOOLED, "host-1")
HIDDEN = [
    (state(RuleName.NO_WORKER, "worker"), SPOOLED),
    (state(RuleName.NO_WORKER, "intake"), SPOOLED),
    (state(RuleName.STAGE_STOPPED, "intake", stage="intake"), SPOOLED),
    (state(RuleName.STAGE_STOPPED, "Kafka", stage="delivery intake"), SPOOLED),
    (FLOOR, SPOOLED),
    (state(RuleName.NO_WORKER, "worker"), state(RuleName.PUSH_OVERDUE, "app")),
    (state(RuleName.NO_WORKER, "worker"), state(RuleName.HOST_SILENT, "crm-1")),
    (state(RuleName.HOST_SILENT, "crm-1"), state(RuleName.DISK_WATERMARK, "crm-1 /data")),
    (state(RuleName.HOST_SILENT, "crm-1"), state(RuleName.DISK_FILLING, "crm-1 /data")),
    (state(RuleName.HOST_SILENT, "crm-1"), state(RuleName.DISK_READ_ONLY, "crm-1 /data inodes")),
    (state(RuleName.SHARD_STOPPED, "host-1"), state(RuleName.RELAY_STUCK, "outbox")),
    *((state(RuleName.TARGET_PAUSED, "erp"), state(one, "erp deliveries")) for one in CONSUMERS),
    *((state(RuleName.BREAKER_OPEN, "erp"), state(one, "erp deliveries")) for one in CONSUMERS),
    *((state(RuleName.NO_WORKER, "worker"), state(one, "ticketbus.projections", own=1)) for one in CONSUMERS),
    *((state(RuleName.STAGE_STOPPED, "tickets"), state(one, "ticketbus.projections", own=1)) for one in CONSUMERS),
    (state(RuleName.STAGE_STOPPED, "tickets", stage="projections"), state(RuleName.TASK_FAILED, "worker: projections")),
    (state(RuleName.RELAY_STUCK, "outbox"), state(RuleName.STAGE_STOPPED, "Kafka", stage="delivery projections")),
    (state(RuleName.STAGE_STOPPED, "Kafka", stage="delivery sla"), state(RuleName.TASK_FAILED, "worker: sla")),
    (FLOOR, REFUSED),
    *((FULL_HOST, state(one, "erp deliveries", kind="queue")) for one in CONSUMERS),
    (FLOOR, state(RuleName.STAGE_STOPPED, "intake")),
    (FULL_HOST, MISSING_AT_ERP),
    (state(RuleName.NO_WORKER, "worker"), MISSING_IN_LIST),
    (state(RuleName.SHARD_STOPPED, "host-1"), MISSING_IN_LIST),
    (state(RuleName.RELAY_STUCK, "outbox"), MISSING_IN_LIST),
    (state(RuleName.STAGE_STOPPED, "tickets", stage="projections"), MISSING_IN_LIST),
    (state(RuleName.STAGE_STOPPED, "Kafka", stage="projections"), MISSING_AT_ERP),
    (state(RuleName.STAGE_STOPPED, "deliveries", stage="delivery"), MISSING_AT_ERP),
    (state(RuleName.TARGET_PAUSED, "erp"), MISSING_AT_ERP),
    (state(RuleName.BREAKER_OPEN, "erp"), MISSING_AT_ERP),
    (state(RuleName.TARGET_PAUSED, "erp-v2"), AT_CANARY),
    (state(RuleName.DISK_WATERMARK, "erp-2 /data", role="consumer", targets="erp-v2"), AT_CANARY),
    (state(RuleName.RELAY_STUCK, "outbox"), SILENT_ASSIGN),
    (state(RuleName.SOURCE_SILENT, "crm", every_source=1), SILENT_ASSIGN),
    (state(RuleName.HOST_SILENT, "crm-1"), SILENT_HOSTS),
    (FLOOR, SILENT_ASSIGN),
    (state(RuleName.NO_WORKER, "worker"), ERP_PROBE),
    (state(RuleName.SHARD_STOPPED, "host-1"), OWN_PROBE),
    (state(RuleName.RELAY_STUCK, "outbox"), OWN_PROBE),
    (state(RuleName.STAGE_STOPPED, "history", stage="projections"), OWN_PROBE),
    (state(RuleName.TARGET_PAUSED, "erp"), ERP_PROBE),
    (state(RuleName.BREAKER_OPEN, "erp"), ERP_PROBE),
    (replace(FLOOR, alert=replace(FLOOR.alert, facts={"role": "database"})), state(RuleName.STAGE_STOPPED, "commands")),
]
BESIDE = [
    (state(RuleName.NO_WORKER, "delivery"), SPOOLED),
    (state(RuleName.STAGE_STOPPED, "tickets", stage="projections"), SPOOLED),
    (state(RuleName.RELAY_STUCK, "outbox"), ERP_PROBE),
    (state(RuleName.STAGE_STOPPED, "history", stage="projections"), ERP_PROBE),
    (state(RuleName.BREAKER_OPEN, "crm"), ERP_PROBE),
    (state(RuleName.BREAKER_OPEN, "erp"), OWN_PROBE),
    (state(RuleName.RELAY_STUCK, "outbox"), SILENT_HOSTS),
    (state(RuleName.SOURCE_SILENT, "crm", every_source=0), SILENT_ASSIGN),
    (state(RuleName.SOURCE_SILENT, "crm", every_source=1), state(RuleName.TOPIC_SILENT, "ticket.commands")),
    (state(RuleName.HOST_SILENT, "crm-1"), SILENT_ASSIGN),
    (FLOOR, SILENT_HOSTS),
    (state(RuleName.NO_WORKER, "worker"), NOT_TAKEN),
    (state(RuleName.RELAY_STUCK, "outbox"), NOT_TAKEN),
    (state(RuleName.TARGET_PAUSED, "oa"), MISSING_AT_ERP),
    (state(RuleName.TARGET_PAUSED, "erp-v2"), MISSING_AT_ERP),
    (state(RuleName.BREAKER_OPEN, "tickets"), MISSING_IN_LIST),
    (state(RuleName.STAGE_STOPPED, "history", stage="projections"), MISSING_IN_LIST),
    (state(RuleName.STAGE_STOPPED, "deliveries", stage="delivery"), MISSING_IN_LIST),
    (FULL_HOST, state(RuleName.CONSUMER_STALLED, "oa deliveries", kind="queue")),
    (FULL_HOST, state(RuleName.CONSUMER_STALLED, "erp bi", kind="group")),
    (replace(FULL_HOST, severity=Severity.P2), state(RuleName.CONSUMER_STALLED, "erp deliveries", kind="queue")),
    (state(RuleName.RELAY_STUCK, "outbox"), state(RuleName.STAGE_STOPPED, "tickets", stage="projections")),
    (state(RuleName.STAGE_STOPPED, "tickets", stage="projections"), state(RuleName.TASK_FAILED, "worker: sla")),
    (state(RuleName.TARGET_PAUSED, "erp"), state(RuleName.CONSUMER_STOPPED, "erp2 deliveries")),
    (state(RuleName.NO_WORKER, "worker"), state(RuleName.CONSUMER_STOPPED, "bi-reports")),
    (state(RuleName.HOST_SILENT, "crm-1"), state(RuleName.DISK_WATERMARK, "crm-10 /data")),
    (replace(FLOOR, severity=Severity.P2), REFUSED),
    (replace(FLOOR, alert=replace(FLOOR.alert, facts={"role": "consumer"})), REFUSED),
    (FLOOR, state(RuleName.SOURCE_5XX, "crm", status=500)),
    (FLOOR, state(RuleName.STAGE_STOPPED, "tickets")),
    (FLOOR, state(RuleName.NO_WORKER, "worker")),
]


def test_causes_every_entry_of_the_table_is_tried() -> None:
    tried = {(cause.alert.rule, effect.alert.rule) for cause, effect in HIDDEN}
    assert tried == {(rule, effect) for cause in CAUSES for rule in cause.rules for effect in cause.hides}


@pytest.mark.parametrize(("cause", "effect"), HIDDEN)
def test_causes_each_hides_its_effect_and_is_not_hidden_by_it(cause: AlertState, effect: AlertState) -> None:
    assert cause_of(effect, [effect, cause]) == f"{cause.alert.rule.value}|{cause.alert.about}"
    assert cause_of(cause, [effect, cause]) == ""


@pytest.mark.parametrize(("cause", "other"), BESIDE)
def test_causes_what_is_no_effect_of_it_is_heard_of(cause: AlertState, other: AlertState) -> None:
    assert cause_of(other, [other, cause]) == ""
