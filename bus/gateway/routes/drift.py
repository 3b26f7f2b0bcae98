"""The routes of tickets for which nobody acts: now, on the list of a morning, and since the one before it (R9)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.drift import DriftedTicket
from bus.domain.drift_list import DriftList, compared
from bus.domain.errors import MalformedInput
from bus.domain.scope import Scope
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import PERSON, query_of
from bus.gateway.read.reach import scope_of

_DATE: Final = {"name": "date", "in": "query", "schema": {"type": "string", "format": "date"}}
_NONE: Final = Text("当日没有清单", "no list was made on that day")


class DriftAnswer(TypedDict):
    """The drift list, by number: tickets that the client reaches and for which nobody acts as they should.

    Of a morning as it was made: `due_at` and `made_at` are null for now.
    """

    due_at: datetime | None
    made_at: datetime | None
    tickets: list[DriftedTicket]


class DriftChangeAnswer(TypedDict):
    """A morning's list beside that of `before`: what is new, still there, and gone; null: it is the first."""

    day: date
    before: date | None
    new: list[DriftedTicket]
    still: list[DriftedTicket]
    gone: list[DriftedTicket]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSources:
    """What is looked at; each raises StoreUnavailable.

    `drifting` gives what drifts as of a time. `lists` gives that of a day, or the last one for None, and the one before
    it; none where there is none.
    """

    drifting: Callable[[datetime], Awaitable[Sequence[DriftedTicket]]]
    lists: Callable[[date | None], Awaitable[Sequence[DriftList]]]
    now: Callable[[], datetime]


def drift_routes(sources: DriftSources) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""

    async def made_on(day: date | None) -> Sequence[DriftList]:
        if lists := await sources.lists(day):
            return lists
        raise HttpProblem(404, "no_such_list", "date", _NONE)

    async def show_drift(http: HttpRequest) -> Response:
        """List what is overdue and had no update since, and what missed two claims in a row; now, or on a `date`."""
        scope = scope_of(http, await admit(http, Access.PEOPLE))
        day = _day_of(http)
        if day is None:
            tickets = _reached(await sources.drifting(sources.now()), scope)
            return json_response(DriftAnswer(due_at=None, made_at=None, tickets=tickets))
        made = (await made_on(day))[0]
        tickets = _reached(made.tickets, scope)
        return json_response(DriftAnswer(due_at=made.due_at, made_at=made.made_at, tickets=tickets))

    async def compare_drift(http: HttpRequest) -> Response:
        """Compare the list of a morning, or the last one, with the one before it."""
        scope = scope_of(http, await admit(http, Access.PEOPLE))
        change = compared(await made_on(_day_of(http)))
        new, still, gone = (_reached(one, scope) for one in (change.new, change.still, change.gone))
        return json_response(DriftChangeAnswer(day=change.day, before=change.before, new=new, still=still, gone=gone))

    return [
        reading("/v1/drift", show_drift, "List the tickets that drift", DriftAnswer, parameters=[_DATE]),
        reading("/v1/drift/compare", compare_drift, "Compare two drift lists", DriftChangeAnswer, parameters=[_DATE]),
    ]


def _reached(tickets: Sequence[DriftedTicket], scope: Scope | None) -> list[DriftedTicket]:
    """Give those of a list that a client reaches: by region and person as the list has them, none by source."""
    return [
        one
        for one in tickets
        if scope is None
        or (
            not scope.source
            and scope.person in ("", one.assignee)
            and (not scope.regions or one.region in scope.regions)
        )
    ]


def _day_of(http: HttpRequest) -> date | None:
    text = query_of(http, ("date", *PERSON)).get("date")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        zh, en = "date 应写成 2026-11-30", "write date as 2026-11-30"
        raise MalformedInput("out_of_range", "date", zh, en) from None
