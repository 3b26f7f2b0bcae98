"""The route of the topic contract held against all that runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.consistency.check_result import CheckCode, CheckResult
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.problems import OURSELVES, HttpProblem
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.kafka.broker_topic import TopicRefused

WITHIN_S: Final = 15.0
COMMAND: Final = "ticketbus topics check --live"
TopicsCheck = Callable[[], Awaitable[Sequence[CheckResult]]]
"""Check the contract and all that runs. Raises Transient where something is away, TopicRefused by the broker's ACLs."""


class CheckResultAnswer(TypedDict):
    """One result: how bad it is, what shows it, the nearest declared name, what mends it; `info` is nothing wrong."""

    code: CheckCode
    severity: Literal["p1", "p2", "p3", "info"]
    about: str
    zh: str
    en: str
    evidence: list[str]
    nearest: str
    mend: str


class TopicsCheckAnswer(TypedDict):
    """What `ticketbus topics check --live` finds."""

    results: list[CheckResultAnswer]


def topic_routes(check: TopicsCheck) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def check_topics(http: HttpRequest) -> Response:
        """Hold the contract against the broker, the registry and those who read, now."""
        await admit(http, Access.CONSUMERS)
        try:
            async with asyncio.timeout(WITHIN_S):
                results = await check()
        except TopicRefused as denied:
            zh = f"网关的 Kafka 用户看不到主题的配置,请以 ticketbus.operator 运行 {COMMAND}"
            en = f"the gateway's Kafka user may not see the topics' configs: run `{COMMAND}` as ticketbus.operator"
            raise HttpProblem(503, "topics_not_visible", OURSELVES, Text(zh, en)) from denied
        except TimeoutError as late:
            zh, en = f"{WITHIN_S:.0f} 秒内没有查完", f"not done within {WITHIN_S:.0f} s"
            raise HttpProblem(503, "unavailable", OURSELVES, Text(f"{zh}: {COMMAND}", f"{en}: {COMMAND}")) from late
        return json_response({"results": [one.as_json() for one in results]})

    return [
        reading("/v1/topics/check", check_topics, "Hold the topic contract against all that runs", TopicsCheckAnswer)
    ]
