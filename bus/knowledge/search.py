"""Full-text search over filed articles: it begins at the rarest terms that are asked for (R21)."""

from collections.abc import Mapping
from typing import Final, LiteralString

from bus.knowledge.rows import ArticleRow, read_articles
from bus.knowledge.terms import terms_of, tsquery_text
from bus.postgres.pool import Connection

SUGGESTED: Final = 3
CANDIDATES_MAX: Final = 300  # articles that one way of looking gives
TERMS_MAX: Final = 100  # of what is asked, the first
_KNOWN: Final[LiteralString] = """
SELECT term, articles FROM knowledge_terms WHERE term = ANY(%(terms)s) AND articles > 0"""
# Weights of D, C, B, A. What matches equally well is in order of the newest.
_RANKED: Final[LiteralString] = """
SELECT number FROM (
    SELECT DISTINCT ON (number) number, terms FROM unnest(%(ways)s::text[]) AS w (way), LATERAL (
        SELECT number, terms FROM knowledge_articles WHERE state = 'filed' AND terms @@ way::tsquery LIMIT %(most)s) a
) found ORDER BY ts_rank('{0.1, 0.4, 0.7, 1.0}', terms, %(ranked)s::tsquery) DESC, number DESC LIMIT %(shown)s"""


async def search(connection: Connection, text: str, most: int) -> list[ArticleRow]:
    """Give the filed articles that fit a text best, so many at most."""
    asked = terms_of(text)[:TERMS_MAX]
    known: Mapping[str, int] = dict(await (await connection.execute(_KNOWN, {"terms": asked})).fetchall())
    if not known:
        return []
    ranked = tsquery_text([*known], "|")
    values = {"ways": ways_to_look(known), "ranked": ranked, "most": CANDIDATES_MAX, "shown": most}
    rows = await (await connection.execute(_RANKED, values)).fetchall()
    return await read_articles(connection, [number for (number,) in rows])


def ways_to_look(known: Mapping[str, int]) -> list[str]:
    """Give what candidates are looked for by; `known`: in how many articles each term is. Pure.

    All terms; any of the rarest, as long as they are in few articles together; both of the next two, so that a rare
    word which means nothing does not hide what the others say.
    """
    rarest = sorted(known, key=lambda term: (known[term], term))
    total, few = 0, list[str]()
    for term in rarest:
        total += known[term]
        if total > CANDIDATES_MAX:
            break
        few.append(term)
    ways = [tsquery_text(rarest, "&"), tsquery_text(few, "|"), tsquery_text(rarest[len(few) :][:2], "&")]
    return [way for way in dict.fromkeys(ways) if way]
