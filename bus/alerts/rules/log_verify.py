"""The rule of `log verify`: it has found differences, or nobody has run it for a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.consistency.verify_state import LogVerification, read_verification
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text

DUE_AFTER: Final = timedelta(hours=26)  # once a day, and it may take a while


def _not_verified(last: LogVerification, now: datetime) -> Sequence[Alert]:
    since = last.verified_at or last.prepared_at
    at = time_text(since, TO_THE_MINUTE)
    if last.differences:
        zh = f"{at.zh} 的 log verify 发现 PostgreSQL 与 Kafka 有 {last.differences} 处不一致"
        en = f"`log verify` of {at.en} found {last.differences} differences between PostgreSQL and Kafka"
        return [_alert(zh, en, Severity.P1)]
    if now - since <= DUE_AFTER:
        return []
    zh = f"自 {at.zh} 起没有运行过 log verify:PostgreSQL 与 Kafka 是否一致无人核对,请设为每天运行"
    en = f"`log verify` has not run since {at.en}: nobody knows whether PostgreSQL and Kafka agree; let it run daily"
    return [_alert(zh, en, Severity.P3)]


def _alert(zh: str, en: str, severity: Severity) -> Alert:
    return Alert(
        rule=RuleName.LOG_NOT_VERIFIED,
        about="log verify",
        zh=zh,
        en=en,
        mend="ticketbus log verify",
        severity=severity,
    )


def _last(verified_at: datetime, differences: int = 0) -> LogVerification:
    return LogVerification(prepared_at=verified_at, verified_at=verified_at, differences=differences)


LOG_NOT_VERIFIED: Final = AlertRule(
    name=RuleName.LOG_NOT_VERIFIED,
    severity=Severity.P3,
    title=Text("日志未核对或不一致", "the log is not verified"),
    read=read_verification,
    evaluate=_not_verified,
    fires=lambda now: _last(now - 2 * DUE_AFTER),
    quiet=lambda now: _last(now - timedelta(hours=25)),
)
