"""The duplicate rate by cause (R3): reports of what was reported already, whether a ticket took them in or not."""

from typing import Final

from bus.domain.text import Text
from bus.insight.metric import Metric

DUPLICATES: Final = Metric(
    name="duplicates",
    row="R3",
    title=Text("重复报修率", "Duplicate rate"),
    definition=Text(
        "该期间报修的工单所收到的全部报告中,重复的比例:并入已有工单的,和另开一单而同一事件的工单尚未关闭的;导入的历史不计",
        "of all reports of the tickets opened, the repeated ones: those that joined their ticket, and those that "
        "opened one of their own while a ticket of the same incident was not closed; an imported history is left out",
    ),
    causes=Text(
        "same_number 来源重发; same_key 同一来源同一标识; elsewhere 多个部门同一标识; late 超出合并窗口; "
        "no_common_key 窗口内同一电话或设备,标识不同",
        "same_number: sent again by its source; same_key: the same key from the same source; elsewhere: the same key "
        "from another source; late: the same key after the window; no_common_key: the same phone or device within it, "
        "under another key",
    ),
    cases="""
WITH opened AS MATERIALIZED (
    SELECT ticket_id, opened_at, joined_number, joined_key, joined_elsewhere FROM ticket_outcomes
    WHERE opened_at >= %(since)s AND opened_at < %(until)s AND NOT historic
), still AS MATERIALIZED (
    SELECT ticket_id, key_kind, key, serial, opened_at, coalesce(closed_at, 'infinity') AS closed_at
    FROM ticket_outcomes
    WHERE opened_at < %(until)s AND (closed_at > %(since)s OR closed_at IS NULL) AND NOT historic
), beside AS ( -- in one order, pair by pair within the dedupe window alone: thousands may share a placeholder
    SELECT ticket_id, max(closed_at) FILTER (WHERE keyed) OVER earlier > opened_at AND keyed AS same_key,
        max(closed_at) OVER lately > opened_at OR max(closed_at) OVER at_once > opened_at AS soon
    FROM (
        SELECT ticket_id, key_kind AS kind, key AS shared, true AS keyed, opened_at, closed_at
        FROM still WHERE key <> ''
        UNION ALL SELECT ticket_id, '', serial, false, opened_at, closed_at FROM still WHERE serial <> ''
        UNION ALL SELECT ticket_id, ' phone', phone, key_kind = 'phone', opened_at, closed_at
        FROM still JOIN ticket_phones USING (ticket_id)
    ) known
    WINDOW same AS (PARTITION BY shared COLLATE "C", kind),
        earlier AS (same ORDER BY opened_at, ticket_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        lately AS (same ORDER BY opened_at
            RANGE BETWEEN %(dedupe_window)s PRECEDING AND CURRENT ROW EXCLUDE GROUP),
        at_once AS (PARTITION BY shared COLLATE "C", kind, opened_at
            ORDER BY ticket_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), second AS (
    SELECT ticket_id, bool_or(same_key) AS late, bool_or(soon) AS no_common_key
    FROM beside WHERE same_key OR soon GROUP BY ticket_id
)
SELECT o.ticket_id AS subject, r.cause, r.units, r.hits, true AS known
FROM opened o LEFT JOIN second s USING (ticket_id) CROSS JOIN LATERAL (VALUES
    (CASE WHEN s.late THEN 'late' WHEN s.no_common_key THEN 'no_common_key' ELSE '' END, 1,
        coalesce(s.late OR s.no_common_key, false)::int),
    ('same_number', o.joined_number, o.joined_number), ('same_key', o.joined_key, o.joined_key),
    ('elsewhere', o.joined_elsewhere, o.joined_elsewhere)) r (cause, units, hits)
WHERE r.units > 0
UNION ALL SELECT ticket_id, '', 1, 0, false FROM ticket_outcomes
WHERE opened_at >= %(since)s AND opened_at < %(until)s AND historic""",
)
