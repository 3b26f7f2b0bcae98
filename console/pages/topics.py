"""Topics: the contract as a map of who writes and who reads, and, when asked for, what differs from it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bus.domain.text import Text
from console.gateway_api import ApiProblem
from console.page import Asked, Page
from console.pages.consumers import VERDICTS


async def _read(asked: Asked) -> Mapping[str, Any]:
    topics, subscribed, consumers = await asyncio.gather(
        asked.get("/v1/topics"), asked.get("/v1/subscriptions"), asked.get("/v1/consumers")
    )
    found, problem = await _checked(asked) if asked.query.get("check") else (None, None)
    return {
        "problem": problem,
        "topics": topic_map(topics, subscribed["subscriptions"], consumers["consumers"]),
        "watched": consumers["watched"],
        "results": found and worst_first(found["results"]),
        "severities": SEVERITIES,
        "verdicts": VERDICTS,
    }


async def _checked(asked: Asked) -> tuple[Mapping[str, Any] | None, ApiProblem | None]:
    """Check live; where that cannot be done the map is shown all the same. Raises ApiProblem (401)."""
    try:
        return await asked.get("/v1/topics/check"), None
    except ApiProblem as problem:
        if problem.status == 401:
            raise
        return None, problem


def topic_map(
    topics: Iterable[Mapping[str, Any]],
    subscriptions: Sequence[Mapping[str, Any]],
    consumers: Sequence[Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """Give each topic with its subscriptions and the groups that were seen reading it. Pure."""
    return [
        {
            **topic,
            "subscribed": [one for one in subscriptions if topic["name"] in one["topics"]],
            "seen": [one for one in consumers if one["kind"] == "group" and is_topic(one["topic"], topic["name"])],
        }
        for topic in topics
    ]


def is_topic(physical: str, name: str) -> bool:
    """Say whether a topic of the broker is the declared one; a namespace stands before its name. Pure."""
    return physical == name or physical.endswith(f".{name}")


def worst_first(results: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give results of a check in the order of how bad they are. Pure."""
    return sorted(results, key=lambda one: [*SEVERITIES].index(one["severity"]))


SEVERITIES: Final = {"p1": "bad", "p2": "bad", "p3": "warn", "info": "none"}
"""Of each severity its colour, the worst first."""
PAGE: Final = Page(path="/topics", title=Text("主题", "topics"), template="topics.html", read=_read, needs="consumers")
