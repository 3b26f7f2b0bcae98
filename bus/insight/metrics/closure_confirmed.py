"""The confirmation pass rate (R24): of the requests that are answered or expired, those that were confirmed."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric

CLOSURE_CONFIRMED: Final = Metric(
    name="closure-confirmed",
    row="R24",
    title=Text("确认通过率", "Confirmation pass rate"),
    definition=Text(
        "该期间客户答复或已过期的关闭申请中,客户确认的比例",
        "of the requests to confirm a closure that were answered or expired in that time, those that were confirmed",
    ),
    causes=Text("确认方式", "how it was confirmed"),
    cases="""
SELECT c.ticket_id AS subject, coalesce(nullif(a.detail, ''), a.answer) AS cause, 1 AS units,
    (a.answer = 'confirmed')::int AS hits, NOT c.historic AS known
FROM ticket_closures c CROSS JOIN LATERAL unnest(c.answers, c.details, c.answered_at) AS a (answer, detail, at)
WHERE c.last_answer_at >= %(since)s AND a.at >= %(since)s AND a.at < %(until)s""",
)
