"""The 30-day recurrence (R32): tickets for what was solved before, for the same device or customer."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric, Threshold

RECURRENCE: Final = Metric(
    name="recurrence",
    row="R32",
    title=Text("30 天复发率", "30-day recurrence"),
    definition=Text(
        "已解决且填写根因的工单中,报修前 30 天内同一设备或同一客户(电话,或来源的客户编号)已解决过同一根因的比例;"
        "设备和客户均不知道的不计",
        "of the tickets resolved with a root cause, those for which the same cause was solved in the 30 days before "
        "they were opened, for the same device or the same customer, by phone or by the source's own number of them; "
        "without device and customer it is left out",
    ),
    causes=Text("按根因", "by root cause"),
    cases="""
WITH resolved AS MATERIALIZED (
    SELECT ticket_id, root_cause, opened_at FROM ticket_outcomes
    WHERE resolved_at >= %(since)s AND resolved_at < %(until)s
), solved AS MATERIALIZED (
    SELECT ticket_id, serial, root_cause, opened_at, resolved_at FROM ticket_outcomes
    WHERE resolved_at > (SELECT min(opened_at) FROM resolved) - interval '30 days' AND resolved_at < %(until)s
        AND root_cause <> ''
), timeline AS ( -- in one order, not pair by pair: a placeholder may be the serial number of thousands
    SELECT asks, at, max(at) FILTER (WHERE asks IS NULL)
        OVER (PARTITION BY cause_of ORDER BY at, asks IS NOT NULL ROWS UNBOUNDED PRECEDING) AS solved_at
    FROM (
        SELECT ticket_id, hashtextextended(serial || ' ' || root_cause, 1) AS cause_of, opened_at, resolved_at
        FROM solved WHERE serial <> ''
        UNION ALL
        SELECT ticket_id, hashtextextended(phone || ' ' || root_cause, 2), opened_at, resolved_at
        FROM solved JOIN ticket_phones USING (ticket_id)
    ) known CROSS JOIN LATERAL (VALUES
        (greatest(resolved_at, opened_at + interval '1 microsecond'), NULL), (opened_at, ticket_id)) v (at, asks)
    WHERE asks IS NULL OR resolved_at >= %(since)s
), judged AS (
    SELECT asks AS ticket_id, bool_or(solved_at > at - interval '30 days') AS again
    FROM timeline WHERE asks IS NOT NULL GROUP BY asks
)
SELECT r.ticket_id AS subject, r.root_cause AS cause, 1 AS units, coalesce(j.again, false)::int AS hits,
    j.ticket_id IS NOT NULL AS known
FROM resolved r LEFT JOIN judged j USING (ticket_id)""",
    threshold=Threshold(limit=0.02, back=0.018),
    consequence="recurrence_analysis",
)
