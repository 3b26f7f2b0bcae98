"""Knowledge reuse (R30): of the tickets solved, those whose solution names an article of the knowledge pool."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Lasting, Metric, Threshold

KNOWLEDGE_REUSE: Final = Metric(
    name="knowledge-reuse",
    row="R30",
    title=Text("知识复用率", "Knowledge reuse"),
    definition=Text(
        "已解决的工单中,处理结果关联了知识库条目的比例;目标不低于 40%",
        "of the tickets resolved, those whose solution names an article of the knowledge pool; 40 % or more is the aim",
    ),
    causes=Text("未复用知识的根因", "the root causes of what was solved without one"),
    # An imported past knows no articles, nor does a service that has filed none. A rejected solution is none.
    cases="""
SELECT ticket_id AS subject, root_cause AS cause, 1 AS units, (knowledge <> '{}')::int AS hits,
    NOT historic AND EXISTS (SELECT FROM knowledge_articles WHERE state = 'filed') AS known
FROM ticket_outcomes WHERE resolved_at >= %(since)s AND resolved_at < %(until)s""",
    threshold=Threshold(limit=0.30, back=0.40, below=True),
    lasting=Lasting(weeks=4, threshold=Threshold(limit=0.30, back=0.40, below=True), consequence="knowledge_stale"),
)
