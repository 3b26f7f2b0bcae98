"""The route of reconciling: a source's own list against what the bus has of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Annotated, Final

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.deps import body_of
from bus.gateway.http.openapi import request_docs
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.request_models import NotBlank, RequestModel, read
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute
from bus.intake.command_bodies import read_time
from bus.reconcile.asked import ReconcileAsked, Reconciled
from bus.reconcile.report_json import NamedTicket, ReconciliationAnswer, head_json, tickets_json
from bus.reconcile.source_list import ListUnavailable
from bus.wire.json_body import read_object

PATH: Final = "/v1/reconcile"
NAMED_MAX: Final = 1_000
WITHIN_S: Final = 60.0
ReconcileSource = Callable[[ReconcileAsked], Awaitable[Reconciled]]
"""Reconcile a source by its own list. Raises MalformedInput, ListUnavailable, StoreUnavailable."""


Moment = Annotated[NotBlank, Field(json_schema_extra={"format": "date-time"})]


class Reconcile(RequestModel):
    """Compare a source's own list of tickets with the bus.

    `since`, `until`: when the source opened tickets, as 2026-11-28T08:00:00+08:00; without `until` five minutes ago.
    `ingest`: open what never arrived, at the time at which the source opened it.
    """

    source: NotBlank
    since: Moment
    until: Moment | None = None
    ingest: bool = False


class ReconcileAnswer(ReconciliationAnswer):
    """The counts, and the first 1,000 of the tickets that are named."""

    tickets: list[NamedTicket]


def reconcile_routes(reconcile: ReconcileSource) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def reconcile_source(http: HttpRequest) -> Response:
        """Reconcile; the same again compares anew, and opens nothing twice."""
        await admit(http, Access.RECONCILE)
        asked = read(Reconcile, read_object(body_of(http)))
        since = read_time(asked.since, "since")
        until = read_time(asked.until, "until") if asked.until else None
        try:
            async with asyncio.timeout(WITHIN_S):
                report, opened = await reconcile(
                    ReconcileAsked(source=asked.source, since=since, until=until, ingest=asked.ingest)
                )
        except ListUnavailable as failed:
            raise HttpProblem(503, "list_unavailable", "source", failed.text) from failed
        except TimeoutError as late:
            zh = f"{WITHIN_S:.0f} 秒内没有完成,请缩短时间段或用命令行 ticketbus reconcile"
            en = f"not done within {WITHIN_S:.0f} s: ask for a shorter time, or use `ticketbus reconcile`"
            raise HttpProblem(503, "list_unavailable", "since", Text(zh, en)) from late
        tickets = list(islice(tickets_json(report, opened), NAMED_MAX))
        return json_response(ReconcileAnswer(**head_json(report, opened), tickets=tickets))

    about = request_docs(Reconcile, PATH, Access.RECONCILE, keyed=False)
    return [HttpRoute(method="POST", path=PATH, run=reconcile_source, about=about, answers={200: ReconcileAnswer})]
