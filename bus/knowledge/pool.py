"""The knowledge pool in PostgreSQL: each change is a version of an article, and a record on bus.decisions (R21)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg.types.json import Jsonb

from bus.archive.reader import event_values, log_values
from bus.domain.decided import Decided
from bus.domain.errors import Conflict
from bus.domain.events import TicketOpened
from bus.domain.knowledge import (
    Article,
    ArticleChange,
    ArticleState,
    article_no,
    check_article,
    state_after,
)
from bus.domain.terms import BUS, TicketId
from bus.domain.text import Text
from bus.knowledge.drafts import draft_of, names_in, phrases, without_names
from bus.knowledge.rows import (
    ArticleList,
    ArticleRow,
    ArticleVersion,
    article_values,
    list_articles,
    read_articles,
    read_versions,
)
from bus.knowledge.search import SUGGESTED, search
from bus.knowledge.terms import article_terms, tsvector_text
from bus.outbox.record import OutboxRecord, queue
from bus.postgres.advisory_locks import wait_for_lock
from bus.postgres.clear_events import ClearEvents
from bus.postgres.pool import Connection, Pool, connected, in_transaction
from schemas.messages import ArticleChanged
from schemas.topics import DECISIONS

Encode = Callable[[ArticleChanged], bytes]
LOCK: Final = "knowledge"  # who changes the pool goes one after the other
_HAS: Final[LiteralString] = "SELECT 1 FROM knowledge_articles WHERE ticket_id = %s"
_OPENED: Final[LiteralString] = "SELECT value FROM events WHERE ticket_id = %(ticket)s AND version = 1"
_NUMBER: Final[LiteralString] = "SELECT nextval('knowledge_numbers')"
_PUT: Final[LiteralString] = """
INSERT INTO knowledge_articles AS a
    (number, ticket_id, version, state, article, terms, drafted_at, filed_at, changed_at, changed_by)
VALUES (%(number)s, %(ticket)s, %(version)s, %(state)s, %(article)s, %(terms)s::tsvector, %(at)s, NULL, %(at)s, %(by)s)
ON CONFLICT (number) DO UPDATE SET version = excluded.version, state = excluded.state, article = excluded.article,
    terms = excluded.terms, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
    filed_at = CASE WHEN excluded.state = 'filed' AND a.state <> 'filed' THEN excluded.changed_at ELSE a.filed_at END"""
_KEEP: Final[LiteralString] = """
INSERT INTO knowledge_versions (number, version, change, article, changed_by, why, changed_at)
VALUES (%(number)s, %(version)s, %(change)s, %(article)s, %(by)s, %(why)s, %(at)s)"""
# Only terms of filed articles count.
_COUNTED: Final[LiteralString] = """
SELECT tsvector_to_array(terms) FROM knowledge_articles WHERE number = %s AND state = 'filed'"""
_COUNT: Final[LiteralString] = """
INSERT INTO knowledge_terms AS t (term, articles) SELECT unnest(%s::text[]), 1
ON CONFLICT (term) DO UPDATE SET articles = t.articles + 1"""
_DISCOUNT: Final[LiteralString] = "UPDATE knowledge_terms SET articles = articles - 1 WHERE term = ANY(%s)"
_WITHDRAWN: Final = Text("已撤回,先归档再修改", "it is withdrawn: file it first, then edit it")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleEdit:
    """What of an article is to be otherwise; None: it stays."""

    title: str | None = None
    root_cause: str | None = None
    solution: str | None = None
    words: tuple[str, ...] | None = None


NO_EDIT: Final = ArticleEdit()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgePool:
    """Articles of what closed tickets teach. `causes`: the words of each root cause. All of it raises StoreUnavailable.

    Names of customers and staff of an article's ticket, and phones of anybody, are masked in all that is written.
    """

    pool: Pool
    clear: ClearEvents
    encode: Encode
    causes: Mapping[str, Text]

    async def listed(self, wanted: ArticleList) -> Sequence[ArticleRow]:
        """List articles."""
        return await in_transaction(self.pool, list_articles, wanted)

    async def shown(self, number: int) -> ArticleRow | None:
        """Show one; None: there is none."""
        found = await in_transaction(self.pool, read_articles, [number])
        return found[0] if found else None

    async def versions(self, number: int) -> Sequence[ArticleVersion]:
        """Give each version of one, the first one first."""
        return await in_transaction(self.pool, read_versions, number)

    async def search(self, text: str, most: int) -> Sequence[ArticleRow]:
        """Give the filed articles that fit a text best."""
        return await in_transaction(self.pool, search, text, most)

    async def suggested(self, ticket_id: TicketId) -> Sequence[ArticleRow] | None:
        """Give the three filed articles that fit a ticket's report best; its own is none of them. None: no such ticket.

        Raises RegistryUnavailable, InvariantBroken.
        """
        async with connected(self.pool) as connection:
            values = await event_values(connection, _OPENED, {"ticket": ticket_id})
            opened = [one.event for one in await self.clear.events(values)]
            texts = [f"{one.title} {one.description}" for one in opened if isinstance(one, TicketOpened)]
            if not texts:
                return None
            found = await search(connection, " ".join(texts), SUGGESTED + 1)
        return [one for one in found if one.article.ticket_id != ticket_id][:SUGGESTED]

    async def change(
        self, number: int, change: ArticleChange, decided: Decided, edit: ArticleEdit = NO_EDIT
    ) -> ArticleRow | None:
        """File, withdraw or edit an article; None: there is none. What is so already changes nothing.

        Raises CommandRefused for an article that nobody could use, Conflict for an edit of what is withdrawn.
        """
        async with connected(self.pool) as connection:
            await wait_for_lock(connection, LOCK)
            found = await read_articles(connection, [number])
            if not found:
                return None
            (row,) = found
            article = await self._edited(connection, row.article, edit)
            state = state_after(row.state, change)
            if change is ArticleChange.EDITED and row.state is ArticleState.WITHDRAWN:
                raise Conflict(_WITHDRAWN)
            if state is None or (change is ArticleChange.EDITED and article == row.article):
                return row
            if state is ArticleState.FILED:
                check_article(article, self.causes)
            await self._put(connection, number, _Version(article, row.version + 1, state, change), decided)
            return (await read_articles(connection, [number]))[0]

    async def draft(self, connection: Connection, ticket_id: TicketId, at: datetime) -> str | None:
        """Make the draft of a closed ticket, once; gives its number, None where it has an article or teaches nothing.

        Raises InvariantBroken, RegistryUnavailable.
        """
        await wait_for_lock(connection, LOCK)
        if await (await connection.execute(_HAS, (ticket_id,))).fetchone():
            return None
        article = draft_of(await self.clear.events(await log_values(connection, ticket_id)))
        if article is None:
            return None
        ((number,),) = await (await connection.execute(_NUMBER)).fetchall()
        drafted = replace(article, number=article_no(number))
        version = _Version(drafted, 1, ArticleState.DRAFT, ArticleChange.DRAFTED)
        await self._put(connection, number, version, Decided(by=BUS, at=at))
        return drafted.number

    async def _edited(self, connection: Connection, article: Article, edit: ArticleEdit) -> Article:
        given = {
            name: value
            for name in ("title", "root_cause", "solution", "words")
            if (value := getattr(edit, name)) is not None
        }
        if not given:
            return article
        events = await self.clear.events(await log_values(connection, TicketId(article.ticket_id)))
        names = names_in(events)
        for name, value in given.items():
            masked = [without_names(one, names) for one in ((value,) if isinstance(value, str) else value)]
            given[name] = masked[0] if isinstance(value, str) else tuple(masked)
        if "solution" in given and "words" not in given:
            given["words"] = phrases(given["solution"])
        return replace(article, **given)

    async def _put(self, connection: Connection, number: int, made: "_Version", decided: Decided) -> None:
        """Write an article, its version and its record, and count its terms while it is filed."""
        terms = article_terms(made.article, self.causes)
        rows = await (await connection.execute(_COUNTED, (number,))).fetchall()
        before, after = set(rows[0][0]) if rows else set(), set(terms) if made.state is ArticleState.FILED else set()
        values: dict[str, Any] = {
            "number": number,
            "ticket": made.article.ticket_id,
            "version": made.version,
            "state": made.state,
            "change": made.change,
            "article": Jsonb(article_values(made.article)),
            "terms": tsvector_text(terms),
            "by": decided.by,
            "why": decided.why,
            "at": decided.at,
        }
        await connection.execute(_PUT, values)
        await connection.execute(_KEEP, values)
        if gained := sorted(after - before):
            await connection.execute(_COUNT, (gained,))
        if lost := sorted(before - after):
            await connection.execute(_DISCOUNT, (lost,))
        record = ArticleChanged(
            article=made.article,
            version=made.version,
            state=made.state,
            change=made.change,
            changed_by=decided.by,
            why=decided.why,
            changed_at=decided.at,
        )
        key = f"knowledge:{made.article.number}"
        value = self.encode(record)
        await queue(connection, [OutboxRecord(topic=DECISIONS, key=key, value=value, timestamp=decided.at)])


@dataclass(frozen=True, slots=True)
class _Version:
    article: Article
    version: int
    state: ArticleState
    change: ArticleChange
