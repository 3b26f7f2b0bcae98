"""Find a ticket by any of its names, and its journey as swim lanes, a missing hop drawn as a hole with its deadline."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bus.domain.text import Text
from bus.journey.hop_names import HOP_NAMES
from console.gateway_api import ApiProblem
from console.page import Action, Asked, Page, link

LANES: Final[Mapping[str, tuple[Text, frozenset[str]]]] = {
    "source": (Text("来源", "source"), frozenset({"occurred", "received"})),
    "store": (Text("入库", "stored"), frozenset({"committed"})),
    "kafka": (Text("Kafka", "Kafka"), frozenset({"waiting", "published"})),
    "models": (Text("读模型", "read models"), frozenset({"projected", "acted_on"})),
    "targets": (Text("其他系统", "other systems"), frozenset({"enqueued", "delivery_waiting", "delivered"})),
    "people": (Text("订阅者与人", "subscribers, people"), frozenset({"pushed"})),
    "letters": (Text("死信", "dead letters"), frozenset({"dead", "discarded"})),
}
"""The lanes from left to right, each with its hops."""
_TO_TARGETS: Final = (link("/targets"), Text("看目标系统", "look at the targets"))
STEPS: Final[Mapping[str, tuple[str, Text]]] = {
    "never_arrived": (link("/reconcile"), Text("与来源对账", "reconcile the source")),
    "refused": (link("/rejected"), Text("看被拒绝的输入", "look at rejected input")),
    "kafka_away": (link("/now"), Text("看现在的告警", "look at what is wrong now")),
    "relay_stuck": (link("/now"), Text("看现在的告警", "look at what is wrong now")),
    "stage_behind": (link("/consumers"), Text("看消费者", "look at the consumers")),
    "stage_stopped": (link("/consumers"), Text("看消费者", "look at the consumers")),
    "topic_mismatch": (link("/topics"), Text("看主题契约", "look at the topics")),
    "disk_floor": (link("/hosts"), Text("看主机", "look at the hosts")),
    **dict.fromkeys(
        (
            "target_undeclared",
            "target_paused",
            "retry_after",
            "breaker_open",
            "retrying",
            "postponed",
            "rate_limited",
            "queued",
        ),
        _TO_TARGETS,
    ),
}
"""Of a verdict, the page where its next step is; of a dead letter it is the letter's own."""
_NAMES: Final[Mapping[str, Any]] = {"columns": LANES, "names": HOP_NAMES, "steps": STEPS}
_OF_SOME_HOPS: Final = dict.fromkeys(
    ("map_version", "attempts", "status", "detail", "message", "reference", "letter", "why")
)


async def _find(_asked: Asked) -> Mapping[str, Any]:
    return {"name": "", "journey": None, "unknown": False}


async def _show_found(asked: Asked) -> str | Mapping[str, Any]:
    name = asked.form.get("any", "").strip()
    try:
        found = await asked.post("/v1/journeys", {"any": name})
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return {"name": name, "journey": None, "unknown": True}
    if found["ticket_id"]:
        return link(f"/tickets/{quote(found['ticket_id'], safe='')}")
    return {"name": name, "journey": found, "lanes": lanes(found), **_NAMES}


async def _read(asked: Asked) -> Mapping[str, Any]:
    found = await asked.get(f"/v1/journeys/{quote(asked.path['ticket'], safe='')}", cursor=asked.query.get("after"))
    return {"journey": found, "lanes": lanes(found), "customer_link": asked.may("customer-link"), **_NAMES}


def lanes(journey: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], dict[str, list[Mapping[str, Any]]]]]:
    """Give each event with what stands in each lane: its hops, and as holes those that were expected. Pure."""
    shown = []
    for event in journey["events"] or ():
        cells: dict[str, list[Mapping[str, Any]]] = {name: [] for name in LANES}
        for hop in event["hops"]:
            cells[lane_of(hop["hop"])].append({**_OF_SOME_HOPS, **hop, "hole": ""})
        for one in journey["expected"] or ():
            if one["version"] == event["version"] and one["state"] != "late":
                cells[lane_of(one["hop"])].append({**one, "hole": one["state"]})
        shown.append((event, cells))
    return shown


def lane_of(hop: str) -> str:
    """Name the lane of a hop. Pure."""
    return next((name for name, (_, hops) in LANES.items() if hop in hops), "models")


FIND: Final = Page(
    path="/tickets",
    title=Text("查工单", "find a ticket"),
    template="find.html",
    read=_find,
    needs="read",
    actions=[Action(name="find", run=_show_found, done=Text("", ""))],
)
PAGE: Final = Page(
    path="/tickets/{ticket}",
    title=Text("工单轨迹", "journey of a ticket"),
    template="journey.html",
    read=_read,
    needs="read",
    menu=False,
    live=True,
)
