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
    SELECT ticket_id, serial, root_cause, opened_at FROM ticket_outcomes
    WHERE resolved_at >= %(since)s AND resolved_at < %(until)s
), solved AS MATERIALIZED (
    SELECT ticket_id, serial, root_cause, resolved_at FROM ticket_outcomes
    WHERE resolved_at > (SELECT min(opened_at) FROM resolved) - interval '30 days' AND resolved_at < %(until)s
        AND root_cause <> ''
), phones AS MATERIALIZED (
    SELECT ticket_id, phone FROM resolved JOIN ticket_phones USING (ticket_id)
), pairs AS MATERIALIZED (
    SELECT p.ticket_id, q.ticket_id AS other FROM phones p JOIN ticket_phones q USING (phone)
    WHERE q.ticket_id <> p.ticket_id
), again AS (
    SELECT r.ticket_id FROM resolved r JOIN solved b USING (serial, root_cause)
    WHERE r.serial <> '' AND b.ticket_id <> r.ticket_id
        AND b.resolved_at <= r.opened_at AND b.resolved_at > r.opened_at - interval '30 days'
    UNION
    SELECT r.ticket_id FROM pairs JOIN resolved r USING (ticket_id) JOIN solved b ON b.ticket_id = pairs.other
    WHERE b.root_cause = r.root_cause
        AND b.resolved_at <= r.opened_at AND b.resolved_at > r.opened_at - interval '30 days'
)
SELECT r.ticket_id AS subject, r.root_cause AS cause, 1 AS units, (a.ticket_id IS NOT NULL)::int AS hits,
    r.root_cause <> '' AND (r.serial <> '' OR p.ticket_id IS NOT NULL) AS known
FROM resolved r LEFT JOIN again a USING (ticket_id)
LEFT JOIN (SELECT DISTINCT ticket_id FROM phones) p USING (ticket_id)""",
    threshold=Threshold(limit=0.02, back=0.018),
    consequence="recurrence_analysis",
)
