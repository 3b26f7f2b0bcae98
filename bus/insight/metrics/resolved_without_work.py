"""Resolved without work (R34): nothing was recorded of what tickets of that type need."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric, Threshold

RESOLVED_WITHOUT_WORK: Final = Metric(
    name="resolved-without-work",
    row="R34",
    title=Text("未做应做工作即解决", "Resolved without the work that it needs"),
    definition=Text(
        "类型需要上门、备件或远程诊断的已解决工单中,其中一项也没有记录的比例(schemas/needed_work.yaml);导入的历史不计",
        "of the tickets resolved whose type needs a visit, parts or a remote diagnosis (schemas/needed_work.yaml), "
        "those without any of what it needs; an imported history is left out",
    ),
    causes=Text("按处理人", "by who solved them"),
    cases="""
SELECT ticket_id AS subject, handler AS cause, 1 AS units, lacks_work::int AS hits, NOT historic AS known
FROM ticket_outcomes
WHERE resolved_at >= %(since)s AND resolved_at < %(until)s AND lacks_work IS NOT NULL""",
    threshold=Threshold(limit=0.05, back=0.04),
    consequence="work_review",
    by_person=True,
)
