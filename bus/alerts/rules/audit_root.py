"""The audit tree's root: a daily line for the channel, whose history nobody can rewrite; P1 while none is signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.audit.store import SealedCheckpoint, SealingRefused, last_checkpoint, read_refusal
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.postgres.pool import Connection

FROM, LONG = timedelta(hours=1), timedelta(minutes=10)  # after midnight UTC: 09:00 in China
_NOW: Final[LiteralString] = "SELECT clock_timestamp()"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootReading:
    """The checkpoint that is due for the channel, and why no other is signed; None of what is not so."""

    daily: SealedCheckpoint | None = None
    refused: SealingRefused | None = None


async def read_root(connection: Connection) -> RootReading:
    """Read the last checkpoint of before this morning, None at all other times; and whether the sealer refuses."""
    ((now,),) = await (await connection.execute(_NOW)).fetchall()
    due = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + FROM
    daily = await last_checkpoint(connection, due) if due <= now < due + LONG else None
    return RootReading(daily=daily, refused=await read_refusal(connection))


def _root(read: RootReading, _now: datetime) -> Sequence[Alert]:
    return [*_refused(read.refused), *_daily(read.daily)]


def _refused(refused: SealingRefused | None) -> Sequence[Alert]:
    if refused is None:
        return []
    since = time_text(refused.since, TO_THE_MINUTE)
    return [
        Alert(
            rule=RuleName.AUDIT_ROOT,
            about="sealer",
            zh=f"自 {since.zh} 起审计树停止封存,{refused.why.zh}:历史被改过,或 PostgreSQL 来自备份",
            en=f"nothing is sealed since {since.en}, {refused.why.en}: history was changed, or PostgreSQL is "
            "of a backup",
            mend="ticketbus audit check",
            severity=Severity.P1,
        )
    ]


def _daily(last: SealedCheckpoint | None) -> Sequence[Alert]:
    if last is None:
        return []
    origin, size, root = last.note.split("\n")[:3]
    return [
        Alert(
            rule=RuleName.AUDIT_ROOT,
            about=origin,
            zh=f"每日审计根,无需处理:{time_text(last.sealed_at, TO_THE_MINUTE).zh},{size} 个事件,{root}",
            en=f"the daily audit root, nothing is wrong: {size} events",
            mend="ticketbus audit check",
        )
    ]


_LAST: Final = SealedCheckpoint(
    size=3, note="ticketbus/audit\n3\nAAAA\n\n— ticketbus/audit AAAA\n", sealed_at=datetime(2026, 1, 18, tzinfo=UTC)
)
AUDIT_ROOT: Final = AlertRule(
    name=RuleName.AUDIT_ROOT,
    severity=Severity.P3,
    title=Text("每日审计根", "the daily audit root"),
    read=read_root,
    evaluate=_root,
    fires=lambda _now: RootReading(daily=_LAST),
    quiet=lambda _now: RootReading(),
)
