"""The first-time fix rate (R27): of the tickets closed, those that one handler solved in one visit for good."""

from datetime import timedelta
from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric, Threshold

FIRST_TIME_FIX: Final = Metric(
    name="first-time-fix",
    row="R27",
    title=Text("首次修复率", "First-time fix rate"),
    definition=Text(
        "首次关闭的工单中,只由一人处理、至多上门一次、关闭前未被客户驳回或重新打开、关闭后 7 天内未重新打开的比例",
        "of the tickets closed for the first time, those with one handler and at most one visit, not rejected or "
        "opened again before the closure, and not reopened within 7 days of it",
    ),
    causes=Text("未首次修复的原因", "why the others were no first-time fix"),
    cases="""
SELECT ticket_id AS subject,
    CASE WHEN cardinality(handlers) > 1 THEN 'several_handlers' WHEN visits > 1 THEN 'several_visits'
         WHEN sent_back > 0 THEN 'sent_back' WHEN reopened_at < closed_at + interval '7 days' THEN 'reopened'
         ELSE 'first_time_fix' END AS cause,
    1 AS units,
    (cardinality(handlers) = 1 AND visits <= 1 AND sent_back = 0
        AND coalesce(reopened_at >= closed_at + interval '7 days', true))::int AS hits,
    NOT handlers_unknown AS known
FROM ticket_outcomes WHERE closed_at >= %(since)s AND closed_at < %(until)s""",
    threshold=Threshold(limit=0.75, back=0.77, below=True),
    consequence="review",
    settles=timedelta(days=7),
)
