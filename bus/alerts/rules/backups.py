"""The rule of backups: the newest that was verified restores to a time too long ago, is damaged, or is not there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.backup.verified import VerifiedBackup, read_verified, wrong_with
from bus.domain.text import Text

_EFFECT: Final = Text("此后的数据只存于 PostgreSQL 一处,丢失后无法恢复", "what came since is in PostgreSQL alone")
_WEEK: Final = timedelta(days=7)


def _not_verified(last: VerifiedBackup, now: datetime) -> Sequence[Alert]:
    why = wrong_with(last, now)
    if why is None:
        return []
    return [
        Alert(
            rule=RuleName.BACKUP_NOT_VERIFIED,
            about="backup",
            zh=f"{why.zh};{_EFFECT.zh}",
            en=f"{why.en}; {_EFFECT.en}",
            mend="ticketbus backup DIR; ticketbus backup DIR --verify",
        )
    ]


def _restores_to(until: datetime) -> VerifiedBackup:
    return VerifiedBackup(
        prepared_at=until, age_max=_WEEK, place="backups-1:/backups/2026-11-22", restorable_until=until,
        verified_at=until,
    )  # fmt: skip


BACKUP_NOT_VERIFIED: Final = AlertRule(
    name=RuleName.BACKUP_NOT_VERIFIED,
    severity=Severity.P2,
    title=Text("没有足够新的已核验备份", "no backup of late is verified"),
    read=read_verified,
    evaluate=_not_verified,
    fires=lambda now: _restores_to(now - timedelta(days=8)),
    quiet=lambda now: _restores_to(now - timedelta(days=6)),
)
