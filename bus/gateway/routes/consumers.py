"""The route of consumers: who reads the topics, and how that goes."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Literal

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.consistency.consumer_text import consumer_json, watched
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading

ConsumersOf = Callable[[], Awaitable[Sequence[ConsumerStatus]]]


class ConsumerAnswer(TypedDict):
    """A consumer group on a topic, or the queue of deliveries to a target, with the worst verdict and all that hold.

    `members` null: the broker does not list them. `partition` is the worst one, with `committed`, `low` (the first
    offset still there) and `end`.
    """

    kind: Literal["group", "queue"]
    consumer: str
    topic: str
    verdict: ConsumerVerdict
    verdicts: list[ConsumerVerdict]
    since: datetime
    lag: int
    members: int | None
    oldest_at: datetime | None
    loses_at: datetime | None
    partition: int
    committed: int | None
    low: int
    end: int
    evidence: str
    evidence_en: str
    read_at: datetime


class ConsumerList(TypedDict):
    """All consumers, by name. Not `watched`: no worker has judged them for a minute, and what is listed is old."""

    consumers: list[ConsumerAnswer]
    watched: bool


def consumer_routes(consumers: ConsumersOf, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def list_consumers(http: HttpRequest) -> Response:
        """List them as a worker judged them last."""
        await admit(http, Access.CONSUMERS)
        found = await consumers()
        listed = [consumer_json(one) for one in found]
        return json_response({"consumers": listed, "watched": watched(found, now())})

    return [reading("/v1/consumers", list_consumers, "List who reads the topics, and how that goes", ConsumerList)]
