"""The hand-made set by which search is measured, and articles filed for it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml
from psycopg.types.json import Jsonb

from bus.domain.decided import Decided
from bus.domain.knowledge import Article, ArticleChange
from bus.knowledge.drafts import phrases
from bus.knowledge.pool import KnowledgePool
from bus.knowledge.rows import article_values
from bus.knowledge.terms import article_terms, tsvector_text
from bus.postgres.pool import connected
from bus.rules_config import root_cause_words

SET: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "knowledge_search.yaml").read_text(encoding="utf-8")
)
Asked = tuple[str, frozenset[int]]
ASKED: Final[Sequence[Asked]] = [(one["ask"], frozenset(one["fits"])) for one in SET["queries"]]
HELD_OUT: Final[Sequence[Asked]] = [(one["ask"], frozenset(one["fits"])) for one in SET["held_out"]]
_DRAFT = """
INSERT INTO knowledge_articles (number, ticket_id, version, state, article, terms, drafted_at, changed_at, changed_by)
VALUES (%s, %s, 1, 'draft', %s, '', now(), now(), 'ticketbus')"""

_DEFAULTS = """
ALTER TABLE knowledge_articles ALTER version SET DEFAULT 2, ALTER state SET DEFAULT 'filed',
    ALTER drafted_at SET DEFAULT now(), ALTER changed_at SET DEFAULT now(), ALTER changed_by SET DEFAULT 'x'"""
_COPY = "COPY knowledge_articles (number, ticket_id, article, terms) FROM STDIN"
_COUNT_ALL = """
INSERT INTO knowledge_terms SELECT word, ndoc FROM ts_stat('SELECT terms FROM knowledge_articles')
ON CONFLICT (term) DO UPDATE SET articles = excluded.articles"""


def articles() -> Sequence[Article]:
    """Give the articles of the set, numbered by their place."""
    return [
        Article(
            number=f"KB-{number}",
            ticket_id=f"T20260101-{number:06}",
            type="hardware_fault",
            title=title,
            root_cause=root_cause,
            solution=solution,
            words=phrases(solution),
            attachments=(),
        )
        for number, (title, root_cause, solution) in enumerate(SET["articles"], start=1)
    ]


async def file_all(pool: KnowledgePool, decided: Decided) -> None:
    """File the articles of the set."""
    for number, one in enumerate(articles(), start=1):
        async with connected(pool.pool) as connection:
            await connection.execute(_DRAFT.encode(), (number, one.ticket_id, Jsonb(article_values(one))))
        await pool.change(number, ArticleChange.FILED, decided)


async def file_many(pool: KnowledgePool, count: int) -> None:
    """File so many articles of recombined texts, at once; each term of the set is then in many of them."""
    some, causes = articles(), root_cause_words()
    random = Random(7)  # noqa: S311 - the same texts each time
    async with connected(pool.pool) as connection:
        await connection.execute(_DEFAULTS.encode())
        async with connection.cursor().copy(_COPY.encode()) as copy:
            for number in range(1_001, 1_001 + count):
                title, first, second = (random.choice(some) for _ in range(3))
                solution = f"{first.solution},{second.solution},型号 X{random.randrange(5_000)}"
                one = replace(title, number=f"KB-{number}", solution=solution, words=phrases(solution))
                one = replace(one, title=f"{title.title} {random.choice(some).title}")
                terms = tsvector_text(article_terms(one, causes))
                await copy.write_row((number, f"M-{number}", Jsonb(article_values(one)), terms))
        await connection.execute(_COUNT_ALL.encode())
    async with pool.pool.connection() as connection:
        await connection.set_autocommit(True)
        await connection.execute("VACUUM ANALYZE knowledge_articles, knowledge_terms")
        await connection.set_autocommit(False)
