"""The rule of drafts of the knowledge pool that no editor has filed within 24 hours (R21)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.knowledge import article_no
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.postgres.pool import Connection, read_rows

FILED_WITHIN: Final = timedelta(hours=24)  # by the clock, nights and holidays included
_READ: Final[LiteralString] = """
SELECT count(*) AS drafts, min(number) AS first, min(drafted_at) AS oldest, max(drafted_at) AS newest
FROM knowledge_articles WHERE state = 'draft' AND drafted_at <= now() - %(within)s HAVING count(*) > 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfiledDrafts:
    """How many drafts are overdue, the lowest number among them, and when the oldest and the newest were made."""

    drafts: int
    first: int
    oldest: datetime
    newest: datetime


async def unfiled_drafts(connection: Connection) -> Sequence[UnfiledDrafts]:
    """Count the drafts that are overdue; nothing where none is."""
    return await read_rows(connection, _READ, UnfiledDrafts, {"within": FILED_WITHIN})


def _unfiled(found: Sequence[UnfiledDrafts], _now: datetime) -> Sequence[Alert]:
    alerts = list[Alert]()
    for one in found:
        since, first = time_text(one.oldest, TO_THE_MINUTE), article_no(one.first)
        alerts.append(
            Alert(
                rule=RuleName.KNOWLEDGE_UNFILED,
                about="knowledge",
                zh=f"{one.drafts} 份知识草稿超过 24 小时未归档,最早的自 {since.zh},如 {first}:请编辑核对后归档或撤回",
                en=f"{one.drafts} drafts of the knowledge pool were not filed within 24 hours, the oldest since "
                f"{since.en}, as {first}: file or withdraw them",
                mend="ticketbus knowledge list --state draft",
                newest=int(one.newest.timestamp()),
                facts={"drafts": one.drafts},
            )
        )
    return alerts


def _example(now: datetime) -> Sequence[UnfiledDrafts]:
    return [UnfiledDrafts(drafts=3, first=12, oldest=now - 2 * FILED_WITHIN, newest=now - FILED_WITHIN)]


KNOWLEDGE_UNFILED: Final = AlertRule(
    name=RuleName.KNOWLEDGE_UNFILED,
    severity=Severity.P3,
    title=Text("知识草稿未归档", "drafts of the knowledge pool are not filed"),
    read=unfiled_drafts,
    evaluate=_unfiled,
    fires=_example,
    quiet=lambda _now: (),
)
