"""The chase rate (R28): of the tickets opened, those whose customer asked for progress again and again."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric, Threshold

CHASE: Final = Metric(
    name="chase",
    row="R28",
    title=Text("催单率", "Chase rate"),
    definition=Text(
        "报修的工单中,客户催问 2 次及以上的比例;导入的历史不含催问,不计",
        "of the tickets opened, those whose customer asked for progress twice or more; an imported history does not "
        "tell who asked, and is left out",
    ),
    causes=Text("按工单类型", "by the ticket's type"),
    cases="""
SELECT ticket_id AS subject, type AS cause, 1 AS units, (asked >= 2)::int AS hits, NOT historic AS known
FROM ticket_outcomes WHERE opened_at >= %(since)s AND opened_at < %(until)s""",
    threshold=Threshold(limit=0.05, back=0.045),
    consequence="process_audit",
)
