"""Articles of the knowledge pool as solutions link them: looked up before a command is decided (R21)."""

from collections.abc import Sequence
from typing import Final, LiteralString

from bus.domain.knowledge import article_no, number_of
from bus.postgres.pool import Connection

_FILED: Final[LiteralString] = "SELECT number FROM knowledge_articles WHERE number = ANY(%s) AND state = 'filed'"


async def filed_articles(connection: Connection, wanted: Sequence[str]) -> frozenset[str]:
    """Give which of these articles, by number as KB-12, are filed."""
    numbers = [number for one in wanted if (number := number_of(one)) is not None]
    if not numbers:
        return frozenset()
    rows = await (await connection.execute(_FILED, (numbers,))).fetchall()
    return frozenset(article_no(number) for (number,) in rows)
