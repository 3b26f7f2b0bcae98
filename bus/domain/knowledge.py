"""An article of the knowledge pool: what a closed ticket teaches, its numbers, states and changes (R21). Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from unicodedata import normalize

from typing_extensions import Doc

from bus.domain.closing_commands import Resolve
from bus.domain.commands import Command
from bus.domain.errors import CommandRefused
from bus.domain.refusals import missing, unknown_word
from bus.domain.terms import EvidenceKind, Term
from bus.domain.text import Text, is_blank

_NO: Final = re.compile(r"KB[- ]?0*([1-9][0-9]{0,17})")
LINKS_MAX: Final = 20  # articles that one solution names


class ArticleState(Term):
    """Where an article stands; only a filed one is found, suggested and linked."""

    DRAFT = "draft", "草稿"
    FILED = "filed", "已归档"
    WITHDRAWN = "withdrawn", "已撤回"


class ArticleChange(Term):
    """What became of an article by one version."""

    DRAFTED = "drafted", "已起草"
    EDITED = "edited", "已修改"
    FILED = "filed", "已归档"
    WITHDRAWN = "withdrawn", "已撤回"


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """What one closed ticket teaches. No personal data: names and numbers of persons are masked."""

    number: Annotated[str, Doc("the article's number, as KB-12; a solution links it by this")]
    ticket_id: Annotated[str, Doc("the ticket whose closure taught it")]
    type: Annotated[str, Doc("that ticket's type")]
    title: Annotated[str, Doc("what is wrong, in one line; at most 500 characters")]
    root_cause: Annotated[str, Doc("why it failed: a code of schemas/root_causes.yaml (R14)")]
    solution: Annotated[str, Doc("what was found and done; at most 10,000 characters")]
    words: Annotated[tuple[str, ...], Doc("the solution in a few short phrases, by which people know it again")]
    attachments: Annotated[tuple[EvidenceKind, ...], Doc("the kinds of evidence that the ticket has, each once")]


_STATES: Final[Mapping[tuple[ArticleState, ArticleChange], ArticleState]] = {
    (ArticleState.DRAFT, ArticleChange.EDITED): ArticleState.DRAFT,
    (ArticleState.DRAFT, ArticleChange.FILED): ArticleState.FILED,
    (ArticleState.DRAFT, ArticleChange.WITHDRAWN): ArticleState.WITHDRAWN,
    (ArticleState.FILED, ArticleChange.EDITED): ArticleState.FILED,
    (ArticleState.FILED, ArticleChange.WITHDRAWN): ArticleState.WITHDRAWN,
    (ArticleState.WITHDRAWN, ArticleChange.EDITED): ArticleState.WITHDRAWN,
    (ArticleState.WITHDRAWN, ArticleChange.FILED): ArticleState.FILED,
}
"""What may be done in which state; the very same again (filed, withdrawn) changes nothing."""


def state_after(state: ArticleState, change: ArticleChange) -> ArticleState | None:
    """Give the state that a change leads to; None: it is done already."""
    return _STATES.get((state, change))


def check_article(article: Article, root_causes: Collection[str]) -> None:
    """Hold an article to what readers need: title, solution, and a known root cause. Raises CommandRefused."""
    for field, text, what in (
        ("title", article.title, Text("写明故障现象", "say what is wrong")),
        ("solution", article.solution, Text("写明如何解决", "say what was found and done")),
    ):
        if is_blank(text):
            raise missing(field, what)
    if article.root_cause not in root_causes:
        raise unknown_word("root_cause", article.root_cause, sorted(root_causes))


def article_no(number: int) -> str:
    """Spell the number of an article."""
    return f"KB-{number}"


def number_of(text: str) -> int | None:
    """Read an article's number, as people write it: `kb-12`, `KB12`, full-width too; None: it is none."""
    found = _NO.fullmatch(normalize("NFKC", text).strip().upper())
    return int(found[1]) if found else None


def plain_article_no(text: str) -> str:
    """Give an article's number in its one spelling, or the text as it is where it is none."""
    number = number_of(text)
    return text if number is None else article_no(number)


def linked_articles(command: Command) -> tuple[str, ...]:
    """List the articles that a command links, each once, in their one spelling."""
    texts = command.knowledge if isinstance(command, Resolve) else ()
    return tuple(dict.fromkeys(map(plain_article_no, texts)))


def check_links(command: Command, filed: Collection[str]) -> None:
    """Refuse a link to what is no filed article, and more links than a solution may have. Raises CommandRefused."""
    linked = linked_articles(command)
    if len(linked) > LINKS_MAX:
        zh, en = f"最多关联 {LINKS_MAX} 条知识", f"at most {LINKS_MAX} articles are linked"
        raise CommandRefused("out_of_range", "knowledge", zh, en)
    for number in linked:
        if number not in filed:
            raise CommandRefused(
                "no_such_article",
                "knowledge",
                f"知识库没有已归档的 {number}:请先查找 (GET /v1/knowledge?q=…),或不填 knowledge",
                f"the knowledge pool has no filed article {number}: look for it (GET /v1/knowledge?q=…), "
                "or leave knowledge out",
            )
