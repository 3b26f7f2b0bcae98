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
    SELECT ticket_id, key_kind, key, serial, opened_at, joined_number, joined_key, joined_elsewhere FROM ticket_outcomes
    WHERE opened_at >= %(since)s AND opened_at < %(until)s AND NOT historic
), still AS MATERIALIZED (
    SELECT ticket_id, key_kind, key, serial, opened_at, closed_at FROM ticket_outcomes
    WHERE opened_at < %(until)s AND (closed_at > %(since)s OR closed_at IS NULL) AND NOT historic
), pairs AS MATERIALIZED (
    SELECT p.ticket_id, q.ticket_id AS other FROM opened JOIN ticket_phones p USING (ticket_id)
    JOIN ticket_phones q USING (phone) WHERE q.ticket_id <> p.ticket_id
), beside AS (
    SELECT o.ticket_id, true AS same_key, false AS soon FROM opened o JOIN still b USING (key_kind, key)
    WHERE o.key <> '' AND (b.opened_at, b.ticket_id) < (o.opened_at, o.ticket_id)
        AND coalesce(b.closed_at, 'infinity') > o.opened_at
    UNION ALL
    SELECT o.ticket_id, false, b.opened_at >= o.opened_at - %(dedupe_window)s FROM opened o JOIN still b USING (serial)
    WHERE o.serial <> '' AND (b.opened_at, b.ticket_id) < (o.opened_at, o.ticket_id)
        AND coalesce(b.closed_at, 'infinity') > o.opened_at
    UNION ALL
    SELECT o.ticket_id, o.key_kind = 'phone' AND b.key_kind = 'phone', b.opened_at >= o.opened_at - %(dedupe_window)s
    FROM pairs JOIN opened o USING (ticket_id) JOIN still b ON b.ticket_id = pairs.other
    WHERE (b.opened_at, b.ticket_id) < (o.opened_at, o.ticket_id) AND coalesce(b.closed_at, 'infinity') > o.opened_at
), second AS (
    SELECT ticket_id, bool_or(same_key) AS late, bool_or(soon) AS no_common_key FROM beside GROUP BY ticket_id
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
