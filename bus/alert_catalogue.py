"""Every alert rule, by its name: put together here from the packages that own what each reads."""

from collections.abc import Mapping
from typing import Final

from bus.alerts.rule import AnyRule
from bus.alerts.rules.audit_root import AUDIT_ROOT
from bus.alerts.rules.backups import BACKUP_NOT_VERIFIED
from bus.alerts.rules.calendar_missing import CALENDAR_MISSING
from bus.alerts.rules.channels import CHANNEL_FAILING
from bus.alerts.rules.clocks import CLOCK_SKEW
from bus.alerts.rules.consumers import CONSUMER_RULES
from bus.alerts.rules.cross_system import CROSS_SYSTEM
from bus.alerts.rules.cross_system_failure import CROSS_SYSTEM_FAILURE
from bus.alerts.rules.deprecated_read import DEPRECATED_READ
from bus.alerts.rules.drift_list import DRIFT_LIST
from bus.alerts.rules.dwell_red import DWELL_RED
from bus.alerts.rules.expiry import EXPIRY_RULES
from bus.alerts.rules.hop_missing import HOP_MISSING
from bus.alerts.rules.knowledge_unfiled import KNOWLEDGE_UNFILED
from bus.alerts.rules.log_verify import LOG_NOT_VERIFIED
from bus.alerts.rules.outside import OUTSIDE_ALERT
from bus.alerts.rules.probe import PROBE_MISSING
from bus.alerts.rules.program_parts import PROGRAM_PARTS
from bus.alerts.rules.programs import no_worker
from bus.alerts.rules.reconciliation import RECONCILIATION_RULES
from bus.alerts.rules.registry import REGISTRY_RULES
from bus.alerts.rules.relay import RELAY_STUCK
from bus.alerts.rules.reported import REPORTED
from bus.alerts.rules.rollouts import ROLLED_BACK
from bus.alerts.rules.silent_sources import SOURCE_SILENT
from bus.alerts.rules.silent_topics import TOPIC_SILENT
from bus.alerts.rules.sla_breaches import SLA_BREACHES
from bus.alerts.rules.sla_escalation import SLA_ESCALATION, SLA_NOT_FOLLOWED
from bus.alerts.rules.stages import stage_stopped
from bus.alerts.rules.target_differs import TARGET_LIST_RULES
from bus.alerts.rules.targets import TARGETS
from bus.alerts.rules.unroutable import UNROUTABLE
from bus.alerts.rules.unwatched_hosts import HOST_UNWATCHED
from bus.stage_names import STAGE_OF, STAGES
from deadletter.alert_rules import DEAD_LETTERS
from deadletter.disk_watermark import DISK_RULES
from deadletter.redrive_alert import REDRIVE_STOPPED
from deadletter.topic_mismatch import TOPIC_MISMATCH

_ALL: Final = (
    no_worker(STAGES),
    *PROGRAM_PARTS,
    DEAD_LETTERS,
    REDRIVE_STOPPED,
    *TARGETS,
    ROLLED_BACK,
    stage_stopped(STAGE_OF),
    *DISK_RULES,
    HOST_UNWATCHED,
    TOPIC_MISMATCH,
    *CONSUMER_RULES,
    *REGISTRY_RULES,
    RELAY_STUCK,
    CHANNEL_FAILING,
    SOURCE_SILENT,
    TOPIC_SILENT,
    *RECONCILIATION_RULES,
    *TARGET_LIST_RULES,
    HOP_MISSING,
    UNROUTABLE,
    CROSS_SYSTEM_FAILURE,
    DWELL_RED,
    DRIFT_LIST,
    KNOWLEDGE_UNFILED,
    PROBE_MISSING,
    CROSS_SYSTEM,
    SLA_ESCALATION,
    SLA_NOT_FOLLOWED,
    SLA_BREACHES,
    CLOCK_SKEW,
    CALENDAR_MISSING,
    *EXPIRY_RULES,
    DEPRECATED_READ,
    LOG_NOT_VERIFIED,
    BACKUP_NOT_VERIFIED,
    AUDIT_ROOT,
    *REPORTED,
    OUTSIDE_ALERT,
)
RULES: Final[Mapping[str, AnyRule]] = {rule.name.value: rule for rule in _ALL}
