"""Closed for the deadline (R34): solved in the last fifth of the promise, and reopened within a week."""

from datetime import timedelta
from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric, Threshold

DEADLINE_REOPENED: Final = Metric(
    name="deadline-reopened",
    row="R34",
    title=Text("赶时限关闭后重开", "Closed for the deadline, and reopened"),
    definition=Text(
        "解决时限已用 80% 而未超时才解决并关闭的工单中,关闭后 7 天内重新打开的比例;导入的历史没有时限,不计",
        "of the tickets closed that were solved after the warning at 80 % of their promise and before it was broken, "
        "those reopened within 7 days of the closure; an imported history has no promises, and is left out",
    ),
    causes=Text("按处理人", "by who solved them"),
    cases="""
SELECT ticket_id AS subject, handler AS cause, 1 AS units,
    coalesce(reopened_at < closed_at + interval '7 days', false)::int AS hits, NOT historic AS known
FROM ticket_outcomes
WHERE closed_at >= %(since)s AND closed_at < %(until)s AND (near_deadline OR historic)""",
    threshold=Threshold(limit=0.20, back=0.15),
    consequence="deadline_review",
    settles=timedelta(days=7),
    by_person=True,
)
