"""`ticketbus selfcheck`: each question is answered yes, no or with nothing to judge by, as things are (R1–R46)."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from bus.domain.terms import SANDBOX, TicketId
from bus.insight.questions import QUESTIONS
from bus.intake.dispatch import utc_now
from bus.postgres.pool import connected
from tests.bus_under_test import Bus
from tests.domain.people import ASKED_TO_CLOSE, ASSIGN, CLOSED, CONFIRM, RESOLVED
from tests.insight.test_figures import DAY, HOUR, LETTER, Lives, bus, opening

__all__ = ["bus"]
LISTED = "INSERT INTO source_lists (source, ended_at, failure) VALUES (%s, now(), %s)"
MISSING = "INSERT INTO missing_tickets (source_no, source, source_at, reconciliation) VALUES ('C-77', 'oms', now(), 1)"
ALERT = """
INSERT INTO alerts (rule, about, severity, alert, seen_at, opened_at, acked_at)
VALUES ('sla_escalation', %s, 'p2', '{}', now(), now(), %s) RETURNING number"""
BROKEN = """
INSERT INTO sla_clocks (ticket_id, clock, trace_id, limit_s, state, breached_at)
VALUES (%s, 'first_response', '', 900, 'breached', now())"""
ARTICLE = """
INSERT INTO knowledge_articles (number, ticket_id, version, state, article, terms, drafted_at, filed_at, changed_at,
    changed_by)
VALUES (%s, %s, 2, 'draft', '{}', '', now() - interval '2 days', null, now(), '')"""
FILED = """
INSERT INTO knowledge_versions (number, version, change, article, changed_by, why, changed_at)
VALUES (1, 2, 'filed', '{}', '', '', now() - interval '30 hours')"""
SET_STATE = "UPDATE ticket_states SET state = jsonb_set(state, ARRAY[%s], %s::jsonb) WHERE ticket_id = %s"
FAILING = """
INSERT INTO alert_notices (alert, channel, flip, severity, made_at, due_at, attempts, failure)
VALUES (%s, 'robot', 'repeated', 'p2', now(), now(), 2, 'errcode 93000')"""
DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTICE = """
INSERT INTO alert_notices (alert, channel, flip, severity, made_at, due_at, sent_at, given_up_at)
VALUES (%s, %s, 'opened', 'p2', now(), now(), %s, %s)"""


def answered(bus: Bus, expected_exit: int = 1) -> dict[str, dict[str, Any]]:
    done = bus.run("selfcheck", "--json")
    assert done.returncode == expected_exit, done.stderr
    return {one["question"]: one for one in map(json.loads, done.stdout.splitlines())}


async def test_selfcheck_answers_by_what_happened(bus: Bus) -> None:
    nothing = await asyncio.to_thread(answered, bus)
    assert {one["yes"] for one in nothing.values()} == {None}
    async with bus.core() as core:
        lives, now = Lives(core), utc_now() - HOUR
        await lives.lived(opening(1, serial="SN-1"), *ASKED_TO_CLOSE[1:], at=now - 9 * DAY)
        await lives.lived(CONFIRM, at=now - 9 * DAY, source_no="C-1")
        taken_up = await lives.lived(opening(2), ASSIGN, at=now)
        imported = await lives.lived(opening(10), at=now, historic=True)
        await lives.keep()
        async with connected(core.pool) as connection:

            async def alert(about: TicketId, acked_at: datetime | None) -> int:
                ((number,),) = await (await connection.execute(ALERT, (f"{about} first_response", acked_at))).fetchall()
                return int(number)

            await connection.execute(LISTED, ("crm", None))
            await connection.execute(ARTICLE, (1, "T1"))
            await connection.execute(FILED)
            for broken in (taken_up, imported):
                await connection.execute(BROKEN, (broken,))
            await connection.execute(NOTICE, (await alert(taken_up, utc_now()), "duty", utc_now(), None))
        good = await asyncio.to_thread(answered, bus, 0)
        assert {name for name, one in good.items() if not one["yes"]} == set()

        unproven = await lives.lived(opening(3), *RESOLVED[1:], at=now)
        alone = await lives.lived(opening(4), ASSIGN, at=now)
        first = await lives.lived(opening(5, serial="SN-5"), at=now)
        second = await lives.lived(opening(6, serial="SN-5"), at=now)
        await lives.lived(opening(7), *RESOLVED[1:], source=SANDBOX, at=now)
        on_behalf = await lives.lived(opening(8), *CLOSED[1:], at=now)
        await lives.keep()
        async with connected(core.pool) as connection:
            await connection.execute(SET_STATE, ("photos", "[]", unproven))
            await connection.execute(SET_STATE, ("assignee", '{"person": "王师傅", "contact": ""}', alone))
            await connection.execute("UPDATE ticket_outcomes SET key = '' WHERE ticket_id = %s", (first,))
            await connection.execute(ARTICLE, (2, "T2"))
            await connection.execute(LISTED, ("oms", None))
            await connection.execute(MISSING)
            await connection.execute(BROKEN, (alone,))
            number = await alert(alone, None)
            await connection.execute(NOTICE, (number, "duty", None, utc_now()))
            await connection.execute(NOTICE, (number, "robot", utc_now(), None))
            await connection.execute(FAILING, (number,))
            await connection.execute(LETTER, ("delivery:erp", "1", "erp", second))
        against = {name: one["against"] for name, one in (await asyncio.to_thread(answered, bus)).items()}
    assert against == {
        "identified": [first],
        "one-master": [second],
        "sources-agree": ["oms"],
        "with-a-person": [alone],
        "breaches-answered": [alone],
        "solved-with-proof": [unproven],
        "closed-by-customers": [on_behalf],
        "knowledge-filed": ["KB-2"],
        "every-hop": [second],
        "alerts-arrive": ["duty", "robot"],
    }


async def test_selfcheck_says_what_mends_it(bus: Bus) -> None:
    async with bus.core() as core:
        lives = Lives(core)
        alone = await lives.lived(opening(1), ASSIGN, at=utc_now())
        async with connected(core.pool) as connection:
            await connection.execute(SET_STATE, ("assignee", "{}", alone))
    done = await asyncio.to_thread(bus.run, "selfcheck", "--days", "7")
    assert done.returncode == 1
    assert "否 no: 0 / 1 现在已指派和处理中的工单" in done.stdout
    assert f"→ ticketbus trace {alone}" in done.stdout
    assert "无从判断 nothing to judge by" in done.stdout


def test_each_question_leads_to_a_page_that_is_there() -> None:
    assert {one.page for one in QUESTIONS if not (DOCS / one.page).exists()} == set()
    assert len({one.name for one in QUESTIONS}) == len(QUESTIONS) == 10
