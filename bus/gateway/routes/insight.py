"""Routes of the golden metrics: their figures, the tickets behind them, and what followed (R3, R22, R27 to R34)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.errors import MalformedInput
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import flag_of, query_of
from bus.insight.figures import MetricCase
from bus.insight.insight_reader import MetricAnswer, TaskAnswer, metric_answer, task_answer
from bus.insight.metric import Metric, MetricFigure
from bus.insight.registry import METRICS, metric_of
from bus.insight.task_store import InsightTask
from bus.intake.command_bodies import read_time

MOST: Final = 1_000
TASKS_MAX: Final = 1_000
_WITHIN: Final[list[dict[str, Any]]] = [
    {"name": name, "in": "query", "schema": {"type": "string", "format": "date-time"}} for name in ("since", "until")
]
_OTHERS: Final[dict[str, Any]] = {
    "name": "others",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "the rest of the denominator, as of what was no first-time fix",
}
_OPEN: Final[dict[str, Any]] = {
    "name": "open",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "what is still over, or not done",
}


class Metrics(Protocol):
    """The metrics as routes use them; all of it raises StoreUnavailable, MalformedInput."""

    async def figures(
        self, metrics: Sequence[Metric], since: datetime | None, until: datetime | None
    ) -> Sequence[MetricFigure]:
        """Read metrics within a time, or of late."""
        ...

    async def cases(
        self, metric: Metric, since: datetime | None, until: datetime | None, *, most: int, hits: bool
    ) -> Sequence[MetricCase]:
        """Read so many cases of the numerator, or of the rest."""
        ...

    async def tasks(self, *, only_open: bool, most: int) -> Sequence[InsightTask]:
        """List tasks, the newest first."""
        ...


class MetricList(TypedDict):
    """Every metric, each with its figure."""

    metrics: list[MetricAnswer]


class WhyAnswer(TypedDict):
    """The first 1,000 cases: a ticket's number, or `letter:7` where there is none, and its cause. `more`: not all."""

    cases: list[MetricCase]
    more: bool


class TaskList(TypedDict):
    """Tasks, the newest first, 1,000 at most."""

    tasks: list[TaskAnswer]


def insight_routes(metrics: Metrics) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""

    async def list_metrics(http: HttpRequest) -> Response:
        """List them with the figure of their last 30 days, or of a time."""
        query = await _admitted(http)
        found = await metrics.figures(METRICS, *_time(query))
        answers = [metric_answer(one, figure) for one, figure in zip(METRICS, found, strict=True)]
        return json_response({"metrics": answers})

    async def list_tasks(http: HttpRequest) -> Response:
        """List what followed from metrics over their thresholds."""
        only_open = flag_of(await _admitted(http), "open")
        found = await metrics.tasks(only_open=only_open, most=TASKS_MAX)
        return json_response({"tasks": [task_answer(one) for one in found]})

    async def show_metric(http: HttpRequest) -> Response:
        """Show one with its figure, by cause, and its threshold."""
        query = await _admitted(http)
        metric = _named(http)
        [figure] = await metrics.figures([metric], *_time(query))
        return json_response(metric_answer(metric, figure))

    async def list_cases(http: HttpRequest) -> Response:
        """List the tickets of the numerator by number, each with its cause."""
        query = await _admitted(http)
        metric, hits = _named(http), not flag_of(query, "others")
        found = await metrics.cases(metric, *_time(query), most=MOST + 1, hits=hits)
        return json_response({"cases": found[:MOST], "more": len(found) > MOST})

    return [
        reading("/v1/insight", list_metrics, "List the golden metrics", MetricList, parameters=_WITHIN),
        reading("/v1/insight/decisions", list_tasks, "List what followed from them", TaskList, parameters=[_OPEN]),
        reading("/v1/insight/{name}", show_metric, "Show a golden metric", MetricAnswer, parameters=_WITHIN),
        reading(
            "/v1/insight/{name}/why", list_cases, "List the tickets of one", WhyAnswer, parameters=[*_WITHIN, _OTHERS]
        ),
    ]


async def _admitted(http: HttpRequest) -> Mapping[str, str]:
    """Admit whoever sees all tickets, since figures count all; gives the query."""
    await admit(http, Access.INSIGHT)
    return query_of(http)


def _named(http: HttpRequest) -> Metric:
    try:
        return metric_of(http.path_params["name"])
    except MalformedInput as unknown:
        raise HttpProblem(404, unknown.code, "name", unknown.text) from unknown


def _time(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    since, until = (read_time(query[name], name) if name in query else None for name in ("since", "until"))
    return since, until
