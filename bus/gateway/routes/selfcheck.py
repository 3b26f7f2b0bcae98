"""The route of `ticketbus selfcheck`: ten questions about the service, each answered by what happened."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.errors import MalformedInput
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of, whole_number
from bus.insight.insight_reader import MetricText
from bus.insight.questions import QUESTIONS
from bus.insight.selfcheck import Question, QuestionAnswer, mend_of

DAYS: Final = 30
DAYS_MAX: Final = 366
_DAYS: Final[dict[str, Any]] = {
    "name": "days",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": DAYS_MAX, "default": DAYS},
}
Answered = Callable[[Sequence[Question], timedelta], Awaitable[Sequence[QuestionAnswer]]]
"""Answer questions by what happened within a time until now. Raises StoreUnavailable."""


class SelfcheckAnswer(TypedDict):
    """A question: `kept` of `cases`; `yes` null: nothing to judge by. `against`: the first for which it did not hold.

    `mend`: a command that shows more, empty where there is nothing to mend; `page`: of docs/.
    """

    question: str
    rows: str
    asks: MetricText
    counted: MetricText
    cases: int
    kept: int
    against: list[str]
    yes: bool | None
    mend: str
    page: str


class SelfcheckAnswers(TypedDict):
    """The ten questions in their order."""

    questions: list[SelfcheckAnswer]


def selfcheck_routes(answered: Answered) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_selfcheck(http: HttpRequest) -> Response:
        """Answer them by the last 30 days, or so many."""
        await admit(http, Access.INSIGHT)
        days = whole_number("days", query_of(http).get("days", str(DAYS)))
        if not 1 <= days <= DAYS_MAX:
            raise MalformedInput("out_of_range", "days", f"days 须为 1–{DAYS_MAX}", f"days is 1 to {DAYS_MAX}")
        found = await answered(QUESTIONS, timedelta(days=days))
        return json_response({"questions": [_answer(*pair) for pair in zip(QUESTIONS, found, strict=True)]})

    summary = "Answer ten questions about the service"
    return [reading("/v1/selfcheck", show_selfcheck, summary, SelfcheckAnswers, parameters=[_DAYS])]


def _answer(question: Question, found: QuestionAnswer) -> SelfcheckAnswer:
    return {
        "question": question.name,
        "rows": question.rows,
        "asks": {"zh": question.asks.zh, "en": question.asks.en},
        "counted": {"zh": question.counted.zh, "en": question.counted.en},
        "cases": found.cases,
        "kept": found.kept,
        "against": [*found.against],
        "yes": found.yes,
        "mend": mend_of(question, found),
        "page": question.page,
    }
