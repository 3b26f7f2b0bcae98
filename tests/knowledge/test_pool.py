"""The knowledge pool on PostgreSQL: drafted once, filed, found, linked, counted, kept in versions (R21, R30, R50)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.alert_catalogue import RULES as RULES_OF_ALERTS
from bus.alerts.alert import Alert
from bus.alerts.rule_names import RuleName
from bus.domain.batch import Refused
from bus.domain.closing_commands import Reopen, RequestClosure, Resolve
from bus.domain.commands import Command, Start
from bus.domain.decided import Decided
from bus.domain.errors import CommandRefused, Conflict
from bus.domain.inside_commands import ErasePersonalData
from bus.domain.knowledge import ArticleChange, ArticleState
from bus.domain.terms import TicketId
from bus.domain.values import Customer
from bus.insight.figures import read_cases, read_figure
from bus.insight.metric import MetricWindow
from bus.insight.metrics.knowledge_reuse import KNOWLEDGE_REUSE
from bus.intake.dispatch import Dispatcher
from bus.knowledge.drafting import DraftHandler
from bus.knowledge.past import draft_past
from bus.knowledge.pool import ArticleEdit, KnowledgePool
from bus.knowledge.rows import ArticleList
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from bus.wire.event_reader import EventReader
from projections.store import ProjectionHandler
from projections.ticket_outcomes import OUTCOMES
from schemas.messages import ArticleChanged
from schemas.topics import DECISIONS, LOG
from tests.consistency.test_two_stores import request
from tests.domain.people import ASSIGN, CONFIRM, OPEN, RESOLVE, RULES
from tests.knowledge.conftest import pool_of
from tests.projections.told import records
from tests.schemas.codecs import CODEC

NOW = datetime(2026, 1, 18, 12, tzinfo=UTC)
EDITOR = Decided(by="张工", why="已核对", at=NOW)
READER = EventReader(decode=CODEC.decode)
CUSTOMER = Customer(name="欧阳云岚", phone="13800004711", address="云栖小区七栋")
EVERYTHING = b"""
SELECT t::text FROM knowledge_articles t UNION ALL SELECT t::text FROM knowledge_versions t
UNION ALL SELECT t::text FROM knowledge_terms t"""
PERSONAL = (CUSTOMER.name, CUSTOMER.phone, CUSTOMER.address, "欧阳", "王师傅")


async def dispatched(store: PostgresStore, number: int, *commands: Command) -> TicketId:
    """Have commands accepted, one after the other; gives their ticket."""
    dispatcher = Dispatcher(store=store, rules=RULES)
    for minute, command in enumerate(commands):
        (outcome,) = await dispatcher.dispatch([request(number, command, minute)])
        if isinstance(outcome, Refused):
            raise outcome.error
        ticket_id = outcome.ticket_id
    return ticket_id


async def closed(store: PostgresStore, number: int, title: str, solution: Resolve) -> TicketId:
    key = replace(OPEN.incident_key, value=f"SN-{number}")
    opened = replace(OPEN, incident_key=key, source_no=f"C-{number}", title=title, customer=CUSTOMER)
    return await dispatched(store, number, opened, ASSIGN, Start(), solution, RequestClosure(), CONFIRM)


async def read_log(pool: Pool, store: PostgresStore, *tickets: TicketId) -> None:
    """Let the stage read tickets' events: the drafts, and the read model that counts."""
    events = [one for ticket in tickets for one in await store.events(ticket)]
    drafts = DraftHandler(events=READER, knowledge=pool_of(pool), now=lambda: NOW)
    handlers = (drafts, ProjectionHandler(OUTCOMES, READER))
    async with connected(pool) as connection:
        for handler in handlers:
            await handler.handle(connection, records(events, topic=LOG, partitions=1))


async def changes(pool: Pool) -> Sequence[tuple[str, ArticleChanged]]:
    """Read what waits for bus.decisions."""
    async with connected(pool) as connection:
        query = b"SELECT key, value FROM outbox WHERE topic = %s ORDER BY id"
        rows = await (await connection.execute(query, (DECISIONS,))).fetchall()
    return [(key, CODEC.decode_record(value)) for key, value in rows]


async def term_counts(pool: Pool) -> dict[str, int]:
    async with connected(pool) as connection:
        return dict(await (await connection.execute("SELECT term, articles FROM knowledge_terms")).fetchall())


async def test_pool_a_closure_drafts_once_an_editor_files_and_a_solution_links_what_is_filed_alone(
    knowledge: KnowledgePool, postgres_store: PostgresStore
) -> None:
    solved = replace(RESOLVE, summary="启动电容失效,更换启动电容", root_cause="power_supply")
    ticket = await closed(postgres_store, 1, "压缩机不启动", solved)
    for _ in range(2):  # a stage that is killed reads it again
        await read_log(knowledge.pool, postgres_store, ticket)
    (row,) = await knowledge.listed(ArticleList())
    assert (row.article.number, row.article.ticket_id, row.state, row.version) == ("KB-1", ticket, "draft", 1)
    assert await knowledge.search("压缩机", 3) == [], "what no editor has filed is not found"
    linking = replace(RESOLVE, knowledge=("ｋｂ1", "KB-1"))
    with pytest.raises(CommandRefused, match="no_such_article \\(knowledge\\)"):
        await closed(postgres_store, 2, "压缩机不转", linking)
    filed = await knowledge.change(1, ArticleChange.FILED, EDITOR)
    assert filed is not None
    assert (filed.state, filed.version, filed.filed_at, filed.changed_by) == ("filed", 2, NOW, "张工")
    assert await knowledge.change(1, ArticleChange.FILED, replace(EDITOR, by="another")) == filed
    (found,) = await knowledge.search("压缩机不转动", 3)
    assert found == filed
    other = await closed(postgres_store, 3, "压缩机不转", linking)
    await read_log(knowledge.pool, postgres_store, other)
    state = (await postgres_store.events(other))[3].event
    assert state.knowledge == ("KB-1",)  # type: ignore[union-attr]  # it is TicketResolved
    assert [(one.article.number, one.reused) for one in await knowledge.listed(ArticleList())] == [
        ("KB-2", 0), ("KB-1", 1),
    ]  # fmt: skip
    assert [one.article.number for one in await knowledge.search("压缩机不转", 3)] == ["KB-1"], "KB-2 is a draft"
    async with connected(knowledge.pool) as connection:
        month = MetricWindow(since=NOW - timedelta(days=30), until=NOW, dedupe_window=RULES.dedupe_window)
        figure = await read_figure(connection, KNOWLEDGE_REUSE, month)
        cases = await read_cases(connection, KNOWLEDGE_REUSE, month, most=9)
        await connection.execute("UPDATE ticket_outcomes SET historic = true WHERE ticket_id = %s", (ticket,))
        past = await read_figure(connection, KNOWLEDGE_REUSE, month)
        await connection.execute("UPDATE knowledge_articles SET state = 'draft'")
        none_filed = await read_figure(connection, KNOWLEDGE_REUSE, month)
        await connection.execute("UPDATE knowledge_articles SET state = 'filed' WHERE number = 1")
    assert (none_filed.units, none_filed.left_out) == (0, 2), "nothing can be used again"
    assert (figure.units, figure.hits, figure.causes) == (2, 1, {"power_supply": 1})
    assert [one.subject for one in cases] == [other]
    assert (past.units, past.hits, past.left_out) == (1, 1, 1), "an imported past knows no articles"
    await dispatched(postgres_store, 3, Reopen(reason="又不转"))
    await read_log(knowledge.pool, postgres_store, other)
    assert (await knowledge.listed(ArticleList(most=1, before=2)))[0].reused == 0, "what was no solution used nothing"


async def test_pool_every_change_is_a_version_and_a_record_and_a_withdrawn_article_is_found_no_more(
    knowledge: KnowledgePool, postgres_store: PostgresStore
) -> None:
    ticket = await closed(postgres_store, 4, "洗衣机漏水", replace(RESOLVE, root_cause="leakage"))
    await read_log(knowledge.pool, postgres_store, ticket)
    better = ArticleEdit(title="洗衣机门封漏水", solution="更换门封;调平机身")
    edited = await knowledge.change(1, ArticleChange.EDITED, EDITOR, better)
    assert edited is not None
    assert (edited.state, edited.version, edited.article.words) == ("draft", 2, ("更换门封", "调平机身"))
    assert await knowledge.change(1, ArticleChange.EDITED, EDITOR, better) == edited, "the very same again is none"
    for wrong, field in ((ArticleEdit(title=" "), "title"), (ArticleEdit(root_cause="leak"), "root_cause")):
        await knowledge.change(1, ArticleChange.EDITED, EDITOR, wrong)
        with pytest.raises(CommandRefused, match=field):
            await knowledge.change(1, ArticleChange.FILED, EDITOR)
        await knowledge.change(1, ArticleChange.EDITED, EDITOR, replace(better, root_cause="leakage"))
    await knowledge.change(1, ArticleChange.FILED, EDITOR)
    counts = await term_counts(knowledge.pool)
    assert (counts["门封"], counts["更换"]) == (1, 1)
    await knowledge.change(1, ArticleChange.EDITED, EDITOR, ArticleEdit(solution="换新机"))
    assert [one.article.number for one in await knowledge.search("换新机", 3)] == ["KB-1"]
    assert (await knowledge.change(1, ArticleChange.WITHDRAWN, EDITOR)) is not None
    assert await knowledge.search("门封", 3) == []
    assert set((await term_counts(knowledge.pool)).values()) == {0}
    with pytest.raises(Conflict, match="withdrawn"):
        await knowledge.change(1, ArticleChange.EDITED, EDITOR, better)
    assert await knowledge.change(99, ArticleChange.FILED, EDITOR) is None
    versions = await knowledge.versions(1)
    assert [one.version for one in versions] == list(range(1, 10))
    assert [one.change for one in versions][:2] == ["drafted", "edited"]
    assert [one.change for one in versions][-3:] == ["filed", "edited", "withdrawn"]
    assert (versions[0].article.title, versions[0].changed_by) == ("洗衣机漏水", "ticketbus")
    assert versions[-1].why == "已核对"
    told = await changes(knowledge.pool)
    assert [(key, one.version, one.change, one.article) for key, one in told] == [
        ("knowledge:KB-1", one.version, one.change, one.article) for one in versions
    ]
    assert {one.state for _, one in told[-1:]} == {ArticleState.WITHDRAWN}


async def test_pool_no_row_and_no_record_names_anybody_also_once_the_ticket_is_erased(
    knowledge: KnowledgePool, postgres_store: PostgresStore
) -> None:
    words = "欧阳云岚(13800004711)云栖小区七栋,王师傅更换主控板"
    ticket = await closed(postgres_store, 5, words, replace(RESOLVE, summary=words))
    await read_log(knowledge.pool, postgres_store, ticket)
    named = ArticleEdit(title="欧阳女士家主控板", words=("王师傅 13900001111",))
    await knowledge.change(1, ArticleChange.EDITED, EDITOR, named)
    await knowledge.change(1, ArticleChange.FILED, EDITOR)

    async def everything() -> str:
        stored = [str(one) for _, one in await changes(knowledge.pool)]
        async with connected(knowledge.pool) as connection:
            rows = await connection.execute(EVERYTHING)
            stored += [text for (text,) in await rows.fetchall()]
        return "\n".join(stored)

    before = await everything()
    assert "主控板" in before
    assert not [one for one in (*PERSONAL, "13900001111") if one in before]
    await dispatched(postgres_store, 5, ErasePersonalData(reason="本人要求"))
    await read_log(knowledge.pool, postgres_store, ticket)
    assert await everything() == before
    edited = await knowledge.change(1, ArticleChange.EDITED, EDITOR, ArticleEdit(solution="更换主控板"))
    assert edited is not None
    assert edited.article.solution == "更换主控板"
    other = await closed(postgres_store, 6, words, replace(RESOLVE, summary=words))
    await dispatched(postgres_store, 6, ErasePersonalData(reason="本人要求"))
    await read_log(knowledge.pool, postgres_store, other)
    assert len(await knowledge.listed(ArticleList())) == 1, "nobody knows any more which names to mask"


async def test_pool_drafts_that_nobody_files_for_a_day_are_an_alert_until_they_are_filed_or_withdrawn(
    knowledge: KnowledgePool, postgres_store: PostgresStore
) -> None:
    tickets = [await closed(postgres_store, number, f"漏水{number}", RESOLVE) for number in (9, 10)]
    await read_log(knowledge.pool, postgres_store, *tickets)

    async def alerts(ages: str) -> Sequence[Alert]:
        rule = RULES_OF_ALERTS[RuleName.KNOWLEDGE_UNFILED]
        async with connected(knowledge.pool) as connection:
            query = b"UPDATE knowledge_articles SET drafted_at = now() - number * %s::interval"
            await connection.execute(query, (ages,))
            return rule.evaluate(await rule.read(connection), datetime.now(UTC))

    assert await alerts("11 hours 59 minutes") == []
    (alert,) = await alerts("12 hours")
    assert (alert.facts, "KB-2" in alert.zh) == ({"drafts": 1}, True)
    (both,) = await alerts("24 hours")
    assert both.facts == {"drafts": 2}
    await knowledge.change(2, ArticleChange.WITHDRAWN, EDITOR)
    assert [one.facts for one in await alerts("24 hours")] == [{"drafts": 1}]
    await knowledge.change(1, ArticleChange.FILED, EDITOR)
    assert await alerts("24 hours") == []


async def test_pool_the_imported_past_and_what_was_closed_before_come_in_by_command_alone(
    knowledge: KnowledgePool, postgres_store: PostgresStore
) -> None:
    async with connected(knowledge.pool) as connection:
        await connection.execute("UPDATE knowledge_pool SET began_at = now() + interval '1 day'")
    tickets = [await closed(postgres_store, number, f"漏水{number}", RESOLVE) for number in (7, 8)]
    await read_log(knowledge.pool, postgres_store, *tickets)
    assert await knowledge.listed(ArticleList()) == []
    end = NOW + timedelta(days=1)
    assert [one async for one in draft_past(knowledge, NOW, end, NOW)] == []
    made = [one async for one in draft_past(knowledge, NOW - timedelta(days=1), end, NOW)]
    assert made == ["KB-1", "KB-2"]
    assert [one async for one in draft_past(knowledge, NOW - timedelta(days=1), end, NOW)] == []
