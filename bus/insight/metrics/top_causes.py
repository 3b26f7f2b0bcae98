"""The share of the three most frequent root causes (R31)."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Lasting, Metric, Threshold

TOP_CAUSES: Final = Metric(
    name="top-causes",
    row="R31",
    title=Text("前三根因占比", "Share of the top three root causes"),
    definition=Text(
        "已解决且填写根因的工单中,根因属于该期间最多的三种的比例",
        "of the tickets resolved with a root cause, those whose cause is one of the three most frequent of that time",
    ),
    causes=Text("前三根因", "the three causes"),
    cases="""
SELECT t.ticket_id AS subject, t.root_cause AS cause, 1 AS units, coalesce(r.place <= 3, false)::int AS hits,
    t.root_cause <> '' AS known
FROM ticket_outcomes t LEFT JOIN (
    SELECT root_cause, row_number() OVER (ORDER BY count(*) DESC, root_cause) AS place FROM ticket_outcomes
    WHERE resolved_at >= %(since)s AND resolved_at < %(until)s AND root_cause <> '' GROUP BY root_cause) r
    USING (root_cause)
WHERE t.resolved_at >= %(since)s AND t.resolved_at < %(until)s""",
    threshold=Threshold(limit=0.70, back=0.68),
    consequence="management",
    lasting=Lasting(weeks=4, threshold=Threshold(limit=0.75, back=0.73), consequence="first_cause"),
)
