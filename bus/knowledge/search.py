"""Full-text search over filed articles: it begins at the rarest terms that are asked for (R21)."""

from collections.abc import Mapping, Sequence
from typing import Final, LiteralString

from bus.knowledge.rows import ArticleRow, read_articles
from bus.knowledge.terms import query_terms, tsquery_text
from bus.postgres.pool import Connection

SUGGESTED: Final = 3
CANDIDATES_MAX: Final = 2_000  # articles that are ranked
TERMS_MAX: Final = 64  # of what is asked, the first
_KNOWN: Final[LiteralString] = "SELECT term, articles FROM knowledge_terms WHERE term = ANY(%(terms)s)"
# Weights of D, C, B, A. What matches equally well is in order of the newest.
_RANKED: Final[LiteralString] = """
SELECT number FROM (
    SELECT number, terms FROM knowledge_articles WHERE state = 'filed' AND terms @@ %(wanted)s::tsquery LIMIT %(most)s
) found ORDER BY ts_rank('{0.1, 0.4, 0.7, 1.0}', terms, %(ranked)s::tsquery) DESC, number DESC LIMIT %(shown)s"""


async def search(connection: Connection, text: str, most: int) -> list[ArticleRow]:
    """Give the filed articles that fit a text best, so many at most."""
    asked = query_terms(text)[:TERMS_MAX]
    known: Mapping[str, int] = dict(await (await connection.execute(_KNOWN, {"terms": asked})).fetchall())
    for wanted in plan(known):
        values = {
            "wanted": wanted, "ranked": tsquery_text([*known], "|"), "most": CANDIDATES_MAX, "shown": most
        }  # fmt: skip
        if rows := await (await connection.execute(_RANKED, values)).fetchall():
            return await read_articles(connection, [number for (number,) in rows])
    return []


def plan(known: Mapping[str, int]) -> Sequence[str]:
    """Give what candidates are looked for by, first what is tried first; `known`: in how many articles a term is. Pure.

    Any of the rarest terms, as long as they are in few articles together; where even the rarest one is in many, all
    terms, and then that one.
    """
    rarest = sorted(known, key=lambda term: (known[term], term))
    chosen, total = list[str](), 0
    for term in rarest:
        total += known[term]
        if total > CANDIDATES_MAX:
            break
        chosen.append(term)
    if chosen:
        return [tsquery_text(chosen, "|")]
    return [tsquery_text(rarest, "&"), tsquery_text(rarest[:1], "|")] if rarest else []
