"""Routes of the knowledge pool: found and suggested to who works, kept by editors (R21, R30)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.decided import Decided
from bus.domain.errors import Conflict, MalformedInput
from bus.domain.knowledge import ArticleChange, ArticleState, number_of
from bus.domain.naming import nearest
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.binding import may
from bus.gateway.auth.roles import Access
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.request_models import NotBlank, RequestModel, gone
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of, whole_number
from bus.gateway.read.reach import reached_ticket
from bus.gateway.routes.decided_requests import DecidedRequests
from bus.intake.command_bodies import within_limits
from bus.intake.store_port import Store
from bus.knowledge.drafts import SOLUTION_CHARS_MAX, WORDS_MAX
from bus.knowledge.pool import NO_EDIT, ArticleEdit
from bus.knowledge.rows import ArticleList, ArticleRow, ArticleVersion, row_values, version_values
from bus.observability.masking import mask_text
from bus.wire.rejected_input import RejectedInputStore

_ABSENT: Final = Text("没有这条知识", "there is no such article")
_LIMITS: Final = range(1, 501)
_LIMIT: Final = 50
_FOUND: Final = 10
_ASKED: Final = [
    {"name": "q", "in": "query", "schema": {"type": "string"},
     "description": "what to look for in filed articles, in words; the best comes first"},
    {"name": "state", "in": "query", "schema": {"enum": [one.value for one in ArticleState]},
     "description": "without: all that the role sees"},
    {"name": "root_cause", "in": "query", "schema": {"type": "string"}, "description": "a code"},
    {"name": "before", "in": "query", "schema": {"type": "string"}, "description": "`next` of the page before"},
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": _LIMITS[-1]},
     "description": f"{_LIMIT}, or {_FOUND} with `q`, unless given"},
]  # fmt: skip
_PERSON: Final = {"name": "person", "in": "query", "schema": {"type": "string"},
                  "description": "for whom an app reads that speaks for persons"}  # fmt: skip


class KnowledgeArticles(Protocol):
    """The knowledge pool as routes use it; all of it raises StoreUnavailable."""

    @property
    def causes(self) -> Mapping[str, Text]:
        """The words of each root cause."""
        ...

    async def listed(self, wanted: ArticleList) -> Sequence[ArticleRow]:
        """List articles."""
        ...

    async def search(self, text: str, most: int) -> Sequence[ArticleRow]:
        """Give the filed articles that fit a text best."""
        ...

    async def suggested(self, ticket_id: TicketId) -> Sequence[ArticleRow] | None:
        """Give the filed articles that fit a ticket best."""
        ...

    async def shown(self, number: int) -> ArticleRow | None:
        """Show one."""
        ...

    async def versions(self, number: int) -> Sequence[ArticleVersion]:
        """Give each version of one."""
        ...

    async def change(
        self, number: int, change: ArticleChange, decided: Decided, edit: ArticleEdit = NO_EDIT
    ) -> ArticleRow | None:
        """File, withdraw or edit one. Raises CommandRefused, Conflict."""
        ...


class EditArticle(RequestModel):
    """Change an article; what is not given stays. Names and phones are masked. Without `words`: out of `solution`."""

    number: NotBlank
    title: NotBlank | None = None
    root_cause: NotBlank | None = None
    solution: Annotated[str, Field(max_length=SOLUTION_CHARS_MAX)] | None = None
    words: Annotated[list[NotBlank], Field(max_length=WORDS_MAX)] | None = None
    why: NotBlank


class FileArticle(RequestModel):
    """File an article: from now on it is found, suggested and linked."""

    number: NotBlank
    why: NotBlank


class WithdrawArticle(RequestModel):
    """Withdraw an article: it is found, suggested and linked no more."""

    number: NotBlank
    why: NotBlank


class ArticleContent(TypedDict):
    """What an article says."""

    number: str
    ticket_id: str
    type: str
    title: str
    root_cause: str
    solution: str
    words: list[str]
    attachments: list[str]


class ArticleAnswer(ArticleContent):
    """An article as it stands. `reused`: tickets whose solution links it; `filed_at`: the last time."""

    root_cause_text: str
    version: int
    state: str
    drafted_at: datetime
    filed_at: datetime | None
    changed_at: datetime
    changed_by: str
    reused: int


class ArticleVersionAnswer(TypedDict):
    """A version of an article: what it was from then on, by whom and why."""

    version: int
    change: str
    article: ArticleContent
    changed_by: str
    why: str
    changed_at: datetime


class ArticleHistory(ArticleAnswer):
    """An article with its versions, the first one first."""

    versions: list[ArticleVersionAnswer]


class ArticlePage(TypedDict):
    """Articles; `next` is `before` of the following page."""

    articles: list[ArticleAnswer]
    next: str | None


class SuggestedArticles(TypedDict):
    """The filed articles that fit a ticket best, the best one first; three at most."""

    ticket_id: str
    articles: list[ArticleAnswer]


def knowledge_routes(
    pool: KnowledgeArticles, store: Store, refused: RejectedInputStore, now: Callable[[], datetime]
) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _KnowledgeHandlers(pool, store, now)
    requests = DecidedRequests(refused, Access.DECIDE_KNOWLEDGE)
    path = "/v1/knowledge/{number}"
    return [
        reading("/v1/knowledge", handlers.list_articles, "Find or list articles", ArticlePage, parameters=_ASKED),
        reading(path, handlers.show_article, "Show an article with its versions", ArticleHistory),
        requests.route(path, EditArticle, handlers.edit, ArticleAnswer),
        requests.route(f"{path}/file", FileArticle, handlers.file, ArticleAnswer),
        requests.route(f"{path}/withdraw", WithdrawArticle, handlers.withdraw, ArticleAnswer),
        reading(
            "/v1/tickets/{ticket_id}/knowledge",
            handlers.suggest,
            "Which articles fit a ticket?",
            SuggestedArticles,
            parameters=[_PERSON],
        ),
    ]


@dataclass(frozen=True, slots=True)
class _KnowledgeHandlers:
    pool: KnowledgeArticles
    store: Store
    now: Callable[[], datetime]

    async def list_articles(self, http: HttpRequest) -> Response:
        """Find filed articles by `q`, or list them by number, the newest first; drafts are for editors."""
        edits = may(await admit(http, Access.KNOWLEDGE), Access.DECIDE_KNOWLEDGE)
        query = {name: within_limits(text, name) for name, text in query_of(http).items()}
        limit = _limit(query)
        if "q" in query:
            return json_response(self._page(await self.pool.search(query["q"], limit), limit))
        wanted = ArticleList(
            state=_state(query["state"]) if "state" in query else None if edits else ArticleState.FILED,
            root_cause=query.get("root_cause", ""),
            before=_number(query["before"], "before") if "before" in query else None,
            most=limit + 1,
        )
        seen = edits or wanted.state is ArticleState.FILED
        return json_response(self._page(await self.pool.listed(wanted) if seen else (), limit))

    async def show_article(self, http: HttpRequest) -> Response:
        """Show an article; what is not filed is for editors."""
        edits = may(await admit(http, Access.KNOWLEDGE), Access.DECIDE_KNOWLEDGE)
        number = number_of(http.path_params["number"])
        row = await self.pool.shown(number) if number else None
        if number is None or row is None or not (edits or row.state is ArticleState.FILED):
            raise gone("number", _ABSENT)
        versions = [version_values(one) for one in await self.pool.versions(number)]
        return json_response({**self._article(row), "versions": versions})

    async def suggest(self, http: HttpRequest) -> Response:
        """Give the three filed articles that fit a ticket's report best."""
        ticket = await reached_ticket(self.store, http, await admit(http, Access.KNOWLEDGE))
        rows = await self.pool.suggested(ticket.ticket_id)
        return json_response({"ticket_id": ticket.ticket_id, "articles": [self._article(one) for one in rows or ()]})

    async def edit(self, wanted: EditArticle, by: str) -> object:
        """Change what is given."""
        words = None if wanted.words is None else tuple(wanted.words)
        edit = ArticleEdit(
            title=wanted.title, root_cause=wanted.root_cause, solution=wanted.solution, words=words
        )  # fmt: skip
        return await self._change(wanted.number, ArticleChange.EDITED, self._decided(wanted.why, by), edit)

    async def file(self, wanted: FileArticle, by: str) -> object:
        """File it."""
        return await self._change(wanted.number, ArticleChange.FILED, self._decided(wanted.why, by))

    async def withdraw(self, wanted: WithdrawArticle, by: str) -> object:
        """Withdraw it."""
        return await self._change(wanted.number, ArticleChange.WITHDRAWN, self._decided(wanted.why, by))

    async def _change(
        self, named: str, change: ArticleChange, decided: Decided, edit: ArticleEdit = NO_EDIT
    ) -> dict[str, Any]:
        number = number_of(named)
        try:
            row = await self.pool.change(number, change, decided, edit) if number else None
        except Conflict as conflict:
            raise HttpProblem(409, "article_withdrawn", "number", conflict.text) from conflict
        if row is None:
            raise gone("number", _ABSENT)
        return self._article(row)

    def _decided(self, why: str, by: str) -> Decided:
        return Decided(by=by, why=mask_text(why), at=self.now())

    def _article(self, row: ArticleRow) -> dict[str, Any]:
        return row_values(row, self.pool.causes)

    def _page(self, rows: Sequence[ArticleRow], limit: int) -> dict[str, Any]:
        following = rows[limit - 1].article.number if len(rows) > limit else None
        return {"articles": [self._article(one) for one in rows[:limit]], "next": following}


def _limit(query: Mapping[str, str]) -> int:
    limit = whole_number("limit", query["limit"]) if "limit" in query else _FOUND if "q" in query else _LIMIT
    if limit not in _LIMITS:
        least, most = _LIMITS[0], _LIMITS[-1]
        raise MalformedInput("out_of_range", "limit", f"limit 须为 {least}–{most}", f"limit is {least} to {most}")
    return limit


def _state(text: str) -> ArticleState:
    try:
        return ArticleState(text)
    except ValueError:
        legal, close = [one.value for one in ArticleState], nearest(text, [one.value for one in ArticleState])
        zh, en = f"state 只能用:{'、'.join(legal)}", f"state is one of {', '.join(legal)}"
        raise MalformedInput("unknown_word", "state", zh, en, nearest=close, legal=legal) from None


def _number(text: str, field: str) -> int:
    number = number_of(text)
    if number is None:
        raise MalformedInput("out_of_range", field, f"{field} 形如 KB-12", f"{field} is a number as KB-12")
    return number
