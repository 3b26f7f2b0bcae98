"""The rows of the knowledge pool, with how often each article was used again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from pydantic import TypeAdapter

from bus.domain.knowledge import Article, ArticleChange, ArticleState
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

ARTICLE: Final = TypeAdapter(Article)
_COLUMNS: LiteralString = """
SELECT a.article, a.version, a.state, a.drafted_at, a.filed_at, a.changed_at, a.changed_by,
    (SELECT count(*) FROM ticket_outcomes o
     WHERE o.knowledge @> ARRAY['KB-' || a.number] AND o.knowledge <> '{}') AS reused
FROM knowledge_articles a """
_OF_NUMBERS: Final = _COLUMNS + "WHERE a.number = ANY(%(numbers)s) ORDER BY array_position(%(numbers)s, a.number)"
_PAGE: Final = (
    _COLUMNS
    + """WHERE (a.state = %(state)s OR %(state)s = '') AND (a.article->>'root_cause' = %(cause)s OR %(cause)s = '')
AND (a.number < %(before)s::bigint OR %(before)s::bigint IS NULL) ORDER BY a.number DESC LIMIT %(most)s"""
)
_VERSIONS: Final[LiteralString] = """
SELECT version, change, article, changed_by, why, changed_at FROM knowledge_versions
WHERE number = %(number)s ORDER BY version"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleRow:
    """An article as it stands. `reused`: tickets whose solution links it. `filed_at`: the last time."""

    article: Article
    version: int
    state: ArticleState
    drafted_at: datetime
    filed_at: datetime | None
    changed_at: datetime
    changed_by: str
    reused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleVersion:
    """A version of an article: what it was from then on, by whom and why."""

    version: int
    change: ArticleChange
    article: Article
    changed_by: str
    why: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleList:
    """What to list: articles of a state and a root cause, newest number first, below `before`."""

    state: ArticleState | None = None
    root_cause: str = ""
    before: int | None = None
    most: int = 50


async def read_articles(connection: Connection, numbers: Sequence[int]) -> list[ArticleRow]:
    """Read articles by number, in the order given; those that are not there are left out."""
    return [_read(one) for one in await read_rows(connection, _OF_NUMBERS, _StoredArticle, {"numbers": [*numbers]})]


async def list_articles(connection: Connection, wanted: ArticleList) -> list[ArticleRow]:
    """List articles."""
    asked = {"state": wanted.state or "", "cause": wanted.root_cause, "before": wanted.before, "most": wanted.most}
    return [_read(one) for one in await read_rows(connection, _PAGE, _StoredArticle, asked)]


async def read_versions(connection: Connection, number: int) -> list[ArticleVersion]:
    """Read each version of an article."""
    rows = await (await connection.execute(_VERSIONS, {"number": number})).fetchall()
    return [
        ArticleVersion(
            version=version,
            change=ArticleChange(change),
            article=ARTICLE.validate_python(article, strict=False),
            changed_by=by,
            why=why,
            changed_at=at,
        )
        for version, change, article, by, why, at in rows
    ]


def article_values(article: Article) -> dict[str, Any]:
    """Give an article as plain JSON values."""
    values: dict[str, Any] = ARTICLE.dump_python(article, mode="json")
    return values


def row_values(row: ArticleRow, causes: Mapping[str, Text]) -> dict[str, Any]:
    """Give a row as the command line and HTTP show it, with the root cause in both languages."""
    about = {name: value for name, value in asdict(row).items() if name != "article"}
    return {**article_values(row.article), "root_cause_text": str(cause_text(row.article, causes)), **about}


def version_values(version: ArticleVersion) -> dict[str, Any]:
    """Give a version as the command line and HTTP show it."""
    return {**asdict(version), "article": article_values(version.article)}


def cause_text(article: Article, causes: Mapping[str, Text]) -> Text:
    """Give the words of an article's root cause; the code alone where it is none of the list any more."""
    return causes.get(article.root_cause, Text(article.root_cause, article.root_cause))


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredArticle:
    article: Mapping[str, Any]
    version: int
    state: str
    drafted_at: datetime
    filed_at: datetime | None
    changed_at: datetime
    changed_by: str
    reused: int


def _read(row: _StoredArticle) -> ArticleRow:
    return ArticleRow(
        article=ARTICLE.validate_python(row.article, strict=False),
        version=row.version,
        state=ArticleState(row.state),
        drafted_at=row.drafted_at,
        filed_at=row.filed_at,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reused=row.reused,
    )
