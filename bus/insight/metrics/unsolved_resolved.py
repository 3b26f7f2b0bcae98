"""Resolved in name alone (R34): the summary of a resolved ticket says that nothing was solved."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric, Threshold

UNSOLVED_RESOLVED: Final = Metric(
    name="unsolved-resolved",
    row="R34",
    title=Text("未解决而标记已解决", "Resolved in name alone"),
    definition=Text(
        "已解决的工单中,总结含“暂无法解决”等字样的比例(schemas/unsolved_words.yaml);导入的历史不含总结,不计",
        "of the tickets resolved, those whose summary says that nothing was solved, by the words of "
        "schemas/unsolved_words.yaml; an imported history has no summaries, and is left out",
    ),
    causes=Text("按处理人", "by who solved them"),
    cases="""
SELECT ticket_id AS subject, handler AS cause, 1 AS units, unsolved::int AS hits, NOT historic AS known
FROM ticket_outcomes WHERE resolved_at >= %(since)s AND resolved_at < %(until)s""",
    threshold=Threshold(limit=0.02, back=0.015),
    consequence="unsolved_review",
    by_person=True,
)
