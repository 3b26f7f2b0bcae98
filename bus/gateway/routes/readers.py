"""The route of who was seen reading from outside, and what of that is not as it should be."""

from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.consistency.subscriptions import subscription_of
from bus.consistency.topic_readers import ReaderKind
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.ports import SubscriptionService
from bus.gateway.routes.topics import CheckResultAnswer
from bus.intake.dispatch import utc_now
from schemas.topics import Contract


class ReaderAnswer(TypedDict):
    """A consumer group, or a client of the gateway's stream, on a topic; `client` null: no subscription names it."""

    kind: ReaderKind
    who: str
    topic: str
    client: str | None
    members: list[str]
    first_at: datetime | None
    last_at: datetime | None


class ReaderList(TypedDict):
    """Who was ever seen reading declared topics from outside; `results`: of that and of subscriptions what is wrong."""

    readers: list[ReaderAnswer]
    results: list[CheckResultAnswer]


def reader_route(
    service: SubscriptionService, contract: Contract, namespace: str, now: Callable[[], datetime] = utc_now
) -> HttpRoute:
    """Make the route. Pure."""

    async def list_readers(http: HttpRequest) -> Response:
        """List them as workers and gateways saw them last; results as `topics check --live` has them of readers."""
        await admit(http, Access.CONSUMERS)
        known = await service.known()
        listed = []
        for one in known.outside(namespace):
            row = subscription_of(known.subscriptions, one.who)
            listed.append(
                ReaderAnswer(
                    kind=one.kind,
                    who=one.who,
                    topic=one.topic,
                    client=row.client if row else None,
                    members=[*one.members],
                    first_at=one.first_at,
                    last_at=one.last_at,
                )
            )
        results = [one.as_json() for one in known.results(contract, namespace, now())]
        return json_response({"readers": listed, "results": results})

    return reading("/v1/readers", list_readers, "List who was seen reading, and what of that is wrong", ReaderList)
