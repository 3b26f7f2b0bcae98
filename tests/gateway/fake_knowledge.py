"""A knowledge pool in memory: articles as they are given, changed as the real one changes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bus.domain.decided import Decided
from bus.domain.errors import Conflict
from bus.domain.knowledge import Article, ArticleChange, ArticleState, check_article, number_of, state_after
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.knowledge.pool import NO_EDIT, ArticleEdit
from bus.knowledge.rows import ArticleList, ArticleRow, ArticleVersion
from bus.rules_config import root_cause_words

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)


def article(number: int, title: str) -> ArticleRow:
    """Make a draft."""
    content = Article(
        number=f"KB-{number}", ticket_id=f"T20261101-{number:06}", type="hardware_fault", title=title,
        root_cause="leakage", solution="更换门封", words=("更换门封",), attachments=(),
    )  # fmt: skip
    return ArticleRow(
        article=content, version=1, state=ArticleState.DRAFT, drafted_at=AT, filed_at=None, changed_at=AT,
        changed_by="ticketbus",
    )  # fmt: skip


@dataclass
class FakeKnowledge:
    """Keeps articles by number; a search finds the filed ones whose title holds the text."""

    rows: dict[int, ArticleRow] = field(default_factory=dict)
    kept: list[ArticleVersion] = field(default_factory=list)
    causes: Mapping[str, Text] = field(default_factory=root_cause_words)

    def add(self, row: ArticleRow) -> None:
        self.rows[number_of(row.article.number) or 0] = row

    async def listed(self, wanted: ArticleList) -> Sequence[ArticleRow]:
        below = [one for number, one in sorted(self.rows.items(), reverse=True) if number < (wanted.before or 10**9)]
        return [one for one in below if wanted.state in (None, one.state)][: wanted.most]

    async def search(self, text: str, most: int) -> Sequence[ArticleRow]:
        filed = [one for one in self.rows.values() if one.state is ArticleState.FILED]
        return [one for one in filed if text in one.article.title][:most]

    async def suggested(self, ticket_id: TicketId) -> Sequence[ArticleRow]:
        return [one for one in await self.search("", 3) if one.article.ticket_id != ticket_id]

    async def shown(self, number: int) -> ArticleRow | None:
        return self.rows.get(number)

    async def versions(self, number: int) -> Sequence[ArticleVersion]:
        return [one for one in self.kept if number_of(one.article.number) == number]

    async def change(
        self, number: int, change: ArticleChange, decided: Decided, edit: ArticleEdit = NO_EDIT
    ) -> ArticleRow | None:
        row = self.rows.get(number)
        if row is None:
            return None
        if change is ArticleChange.EDITED and row.state is ArticleState.WITHDRAWN:
            raise Conflict(Text("已撤回", "it is withdrawn"))
        state = state_after(row.state, change)
        if state is None:
            return row
        edited = replace(row.article, title=edit.title or row.article.title)
        if state is ArticleState.FILED:
            check_article(replace(edited, root_cause=edit.root_cause or edited.root_cause), self.causes)
        self.rows[number] = replace(
            row, article=edited, state=state, version=row.version + 1, changed_by=decided.by, changed_at=decided.at
        )
        self.kept.append(
            ArticleVersion(
                version=row.version + 1, change=change, article=edited, changed_by=decided.by, why=decided.why,
                changed_at=decided.at,
            )
        )  # fmt: skip
        return self.rows[number]
