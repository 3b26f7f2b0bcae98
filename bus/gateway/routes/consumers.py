"""Routes of consumers: who reads the topics, how that goes, and how far behind each was lately."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Literal

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.consistency.consumer_store import ConsumerLag
from bus.consistency.consumer_text import consumer_json, watched
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict
from bus.consistency.shown_names import shown
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading

ConsumersOf = Callable[[], Awaitable[Sequence[ConsumerStatus]]]
LagsOf = Callable[[datetime], Awaitable[Sequence[ConsumerLag]]]


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


class LagAnswer(TypedDict):
    """How many offsets a consumer was behind, at each of the `times`, oldest first."""

    kind: Literal["group", "queue"]
    consumer: str
    topic: str
    times: list[datetime]
    lags: list[int]


class LagList(TypedDict):
    """The lag of all consumers in the last three hours: each ten seconds for minutes, before that each ten minutes."""

    consumers: list[LagAnswer]


def consumer_routes(consumers: ConsumersOf, lags: LagsOf, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""

    async def list_consumers(http: HttpRequest) -> Response:
        """List them as a worker judged them last."""
        await admit(http, Access.CONSUMERS)
        found = await consumers()
        listed = [consumer_json(one) for one in found]
        return json_response({"consumers": listed, "watched": watched(found, now())})

    async def list_lags(http: HttpRequest) -> Response:
        """List how far behind each consumer was in the last three hours."""
        await admit(http, Access.CONSUMERS)
        listed = [
            LagAnswer(
                kind=one.kind.value,
                consumer=shown(one.consumer),
                topic=one.topic,
                times=[*one.lags],
                lags=[*one.lags.values()],
            )
            for one in await lags(now())
        ]
        return json_response(LagList(consumers=listed))

    return [
        reading("/v1/consumers", list_consumers, "List who reads the topics, and how that goes", ConsumerList),
        reading("/v1/consumers/lags", list_lags, "List how far behind each consumer was lately", LagList),
    ]
