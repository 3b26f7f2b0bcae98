"""The cross-system failure rate (R29): tickets with a hop that did not happen in time, or with a dead letter."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric, Threshold

CROSS_SYSTEM: Final = Metric(
    name="cross-system-failure",
    row="R29",
    title=Text("跨系统失败率", "Cross-system failure rate"),
    definition=Text(
        "报修的工单中,有应到未到(含迟到)或死信的比例;未超时的重试不算;没有工单的死信各算一件;导入的历史不计",
        "of the tickets opened, and those that failed, the ones with an expected hop missed or late, or with a dead "
        "letter; a retry in time is none. A letter without a ticket counts as one; an imported history is left out",
    ),
    causes=Text("按先失败的环节:期望、目标或来源", "by the hop that failed first: expectation, target or origin"),
    cases="""
SELECT coalesce(f.subject, t.ticket_id) AS subject, coalesce(f.cause, '') AS cause, 1 AS units,
    (f.subject IS NOT NULL)::int AS hits, f.subject IS NOT NULL OR NOT t.historic AS known
FROM (SELECT ticket_id, historic FROM ticket_outcomes WHERE opened_at >= %(since)s AND opened_at < %(until)s) t
FULL JOIN (
    SELECT DISTINCT ON (subject) subject, cause FROM (
        SELECT coalesce(nullif(ticket_id, ''), 'letter:' || id) AS subject,
            coalesce(nullif(target, ''), origin) AS cause, died_at AS failed_at
        FROM letters WHERE died_at >= %(since)s AND died_at < %(until)s AND edited_from IS NULL
        UNION ALL SELECT ticket_id, expectation, due_at
        FROM expectations WHERE state IN ('missed', 'late') AND due_at >= %(since)s AND due_at < %(until)s) failed
    WHERE subject NOT LIKE 'V%%' ORDER BY subject, failed_at, cause) f ON f.subject = t.ticket_id""",
    threshold=Threshold(limit=0.0, back=0.0),
    consequence="p1",
    cases_min=1,
    anew=True,
)
