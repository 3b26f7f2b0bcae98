"""The ten questions of `ticketbus selfcheck`: whether the story that this bus is for could happen again."""

from collections.abc import Sequence
from typing import Final, LiteralString

from bus.domain.text import Text
from bus.insight.metrics.cross_system import CROSS_SYSTEM
from bus.insight.metrics.duplicates import DUPLICATES
from bus.insight.selfcheck import Question

_EACH: Final[LiteralString] = """
SELECT subject, bool_and({kept}) AS kept FROM ({cases}) cases WHERE known GROUP BY subject"""
_TICKETS: Final = Text("期间报修的工单", "tickets opened in that time")

QUESTIONS: Final[Sequence[Question]] = (
    Question(
        name="identified",
        rows="R1",
        asks=Text("每张工单都有真实的事件唯一标识吗?", "Does every ticket have an incident key that names something?"),
        counted=_TICKETS,
        cases="""
SELECT ticket_id AS subject, key_kind = 'phone' OR key <> '' AS kept FROM ticket_outcomes
WHERE opened_at >= %(since)s AND opened_at < %(until)s AND NOT historic""",
        mend="ticketbus trace {subject}",
        page="incident-keys.md",
    ),
    Question(
        name="one-master",
        rows="R2",
        asks=Text(
            "合并窗口内,同一电话或设备只有一张主工单吗?", "Is there one master for a phone or device in the window?"
        ),
        counted=_TICKETS,
        cases=_EACH.replace("{cases}", DUPLICATES.cases).replace(
            "{kept}", "NOT (hits > 0 AND cause = 'no_common_key')"
        ),
        mend="ticketbus trace {subject}",
        page="insight.md",
    ),
    Question(
        name="sources-agree",
        rows="R4, R44",
        asks=Text(
            "每个来源一天内对过账,而且不缺单吗?", "Was every source's list compared today, with nothing missing?"
        ),
        counted=Text("有清单可对的来源", "sources that have a list"),
        cases="""
SELECT source AS subject, failure IS NULL AND ended_at > %(until)s - interval '1 day' AND NOT EXISTS (
    SELECT FROM missing_tickets m WHERE m.source = l.source AND m.settled_at IS NULL) AS kept
FROM source_lists l WHERE seen_at > %(until)s - interval '1 day'""",
        mend="ticketbus alerts list",
        page="reconcile.md",
    ),
    Question(
        name="with-a-person",
        rows="R5, R6",
        asks=Text(
            "每张已派出的工单都有负责人和备份,都有联系方式吗?",
            "Is every assigned ticket with a person who has a backup, both with a contact?",
        ),
        counted=Text("现在已指派和处理中的工单", "tickets assigned or in progress now"),
        cases="""
SELECT ticket_id AS subject, state->'assignee'->>'person' <> '' AND state->'assignee'->>'contact' <> ''
    AND state->'assignee'->>'backup_person' <> '' AND state->'assignee'->>'backup_contact' <> '' AS kept
FROM ticket_states WHERE state->>'state' IN ('assigned', 'in_progress') AND state->>'historic' = 'false'
    AND ticket_id LIKE 'T%%'""",
        mend="ticketbus trace {subject}",
        page="routing.md",
    ),
    Question(
        name="breaches-answered",
        rows="R7, R15",
        asks=Text(
            "每个超时的承诺都有人接手,或已兑现吗?", "Has every broken promise been taken up by a person, or kept since?"
        ),
        counted=Text("期间超时的承诺的工单", "tickets with a promise broken in that time"),
        cases="""
SELECT c.ticket_id AS subject, bool_and(c.settled_at IS NOT NULL OR EXISTS (
    SELECT FROM alerts a WHERE a.rule = 'sla_escalation' AND a.about = c.ticket_id || ' ' || c.clock
        AND a.acked_at IS NOT NULL)) AS kept
FROM sla_clocks c JOIN ticket_states s USING (ticket_id)
WHERE c.breached_at >= %(since)s AND c.breached_at < %(until)s AND c.ticket_id LIKE 'T%%'
    AND s.state->>'historic' = 'false'
GROUP BY c.ticket_id""",
        mend="ticketbus trace {subject}",
        page="escalations.md",
    ),
    Question(
        name="solved-with-proof",
        rows="R14",
        asks=Text(
            "每张已解决的工单都有照片、摘要和根因吗?",
            "Does every solved ticket have a photo, a summary and a root cause?",
        ),
        counted=Text("期间解决的工单", "tickets solved in that time"),
        cases="""
SELECT o.ticket_id AS subject, jsonb_array_length(s.state->'photos') > 0 AND s.state->>'summary' <> ''
    AND s.state->>'root_cause' <> '' AS kept
FROM ticket_outcomes o JOIN ticket_states s USING (ticket_id)
WHERE o.resolved_at >= %(since)s AND o.resolved_at < %(until)s AND NOT o.historic""",
        mend="ticketbus trace {subject}",
        page="states.md",
    ),
    Question(
        name="closed-by-customers",
        rows="R20",
        asks=Text("每张关闭的工单都由客户本人确认了吗?", "Did each closed ticket's customer confirm it?"),
        counted=Text("期间首次关闭的工单", "tickets closed for the first time in that time"),
        cases="""
SELECT o.ticket_id AS subject, EXISTS (
    SELECT FROM unnest(c.answers, c.details) AS a (answer, detail)
        WHERE answer = 'confirmed' AND detail NOT IN ('', 'console')) AS kept
FROM ticket_outcomes o LEFT JOIN ticket_closures c USING (ticket_id)
WHERE o.closed_at >= %(since)s AND o.closed_at < %(until)s AND NOT o.historic""",
        mend="ticketbus trace {subject}",
        page="closing.md",
    ),
    Question(
        name="knowledge-filed",
        rows="R21",
        asks=Text("每份知识草稿都在 24 小时内归档了吗?", "Was every draft of an article dealt with within 24 hours?"),
        counted=Text("期间满 24 小时的草稿", "drafts that became 24 hours old in that time"),
        cases="""
SELECT 'KB-' || a.number AS subject, EXISTS (
    SELECT FROM knowledge_versions v WHERE v.number = a.number AND v.change IN ('filed', 'withdrawn')
        AND v.changed_at <= a.drafted_at + interval '1 day') AS kept
FROM knowledge_articles a
WHERE drafted_at >= %(since)s - interval '1 day' AND drafted_at < %(until)s - interval '1 day'""",
        mend="ticketbus knowledge show {subject}",
        page="knowledge.md",
    ),
    Question(
        name="every-hop",
        rows="R29, R43",
        asks=Text("每张工单的每一跳都按时到了吗?", "Did every hop of every ticket happen in time?"),
        counted=_TICKETS,
        cases=_EACH.replace("{cases}", CROSS_SYSTEM.cases).replace("{kept}", "hits = 0"),
        mend="ticketbus insight why cross-system-failure",
        page="expectations.md",
    ),
    Question(
        name="alerts-arrive",
        rows="R39, R46",
        asks=Text("告警真的送到人了吗?", "Did alerts reach people?"),
        counted=Text("期间用过的告警通道", "channels of alerts that were used in that time"),
        cases="""
SELECT channel AS subject, bool_or(sent_at IS NOT NULL)
    AND NOT bool_or(given_up_at IS NOT NULL OR sent_at IS NULL AND failure <> '') AS kept
FROM alert_notices WHERE made_at >= %(since)s AND made_at < %(until)s GROUP BY channel""",
        mend="ticketbus alerts selftest",
        page="alerts.md",
    ),
)
