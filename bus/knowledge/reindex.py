"""Makes the terms of all articles anew: once the words of root causes, or what a term is, have changed."""

from collections.abc import Mapping
from typing import Final, LiteralString

from bus.domain.text import Text
from bus.knowledge.pool import LOCK
from bus.knowledge.rows import ARTICLE
from bus.knowledge.terms import article_terms, tsvector_text
from bus.postgres.advisory_locks import wait_for_lock
from bus.postgres.pool import Connection

_AT_ONCE: Final = 1_000
_READ: Final[LiteralString] = """
SELECT number, article FROM knowledge_articles WHERE number > %(after)s ORDER BY number LIMIT %(most)s"""
_WRITE: Final[LiteralString] = """
UPDATE knowledge_articles a SET terms = w.terms::tsvector
FROM unnest(%(numbers)s::bigint[], %(terms)s::text[]) AS w (number, terms) WHERE a.number = w.number"""
_COUNT: Final[LiteralString] = """
INSERT INTO knowledge_terms (term, articles)
SELECT word, ndoc FROM ts_stat('SELECT terms FROM knowledge_articles WHERE state = ''filed''')"""


async def reindex(connection: Connection, causes: Mapping[str, Text]) -> int:
    """Make the terms of all articles, and their counts, anew; gives how many articles there are.

    Nobody changes the pool meanwhile.
    """
    await wait_for_lock(connection, LOCK)
    count, after = 0, 0
    while rows := await (await connection.execute(_READ, {"after": after, "most": _AT_ONCE})).fetchall():
        terms = [
            tsvector_text(article_terms(ARTICLE.validate_python(article, strict=False), causes)) for _, article in rows
        ]
        await connection.execute(_WRITE, {"numbers": [number for number, _ in rows], "terms": terms})
        count, after = count + len(rows), rows[-1][0]
    await connection.execute("DELETE FROM knowledge_terms")
    await connection.execute(_COUNT)
    return count
