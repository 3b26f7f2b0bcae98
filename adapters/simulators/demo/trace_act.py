"""Last act of the demo: the list, the CRM and the trace show the ticket."""

from collections.abc import Mapping
from typing import Any

from adapters.simulators.demo.context import DemoContext
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.demo.parts_act import until_crm_has_all


async def read_model(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    """Look the closed ticket up in the list."""
    tell.step(
        "列表(读模型)跟上:责任链快照",
        "the list, a read model kept by a Faust stage, has it too, with its responsibility snapshot",
        "Kafka ticket.events → Faust stage projections → PostgreSQL tickets → GET /v1/tickets?state=closed",
    )
    row = await context.dispatcher.listed("closed", lambda each: each.get("ticket_id") == ticket_id)
    tell.expect(row is not None, "列表应有该工单", "the list has the ticket", ticket_id)
    snapshot = row.get("responsibility", {}) if row else {}
    for label, english, name in (
        ("创建人", "creator", "creator"),
        ("指派人", "assigner", "assigner"),
        ("处理人", "handler", "handler"),
        ("最后动作", "last action", "last_action"),
        ("最后时间", "last time", "last_at"),
    ):
        tell.row((label, 10), (str(snapshot.get(name) or "-"), 30), (english, 0))


async def trace(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    """Tell the way of each event."""
    tell.step(
        f"追踪 {ticket_id}:每个事件走到了哪里,每一跳用了多少毫秒",
        "the trace: how far each event went, and the milliseconds of each hop",
        f"GET /v1/journeys/{ticket_id} · ticketbus trace {ticket_id}",
    )
    journey = await context.dispatcher.journey(
        ticket_id, lambda found: all(_arrived(event) for event in found["events"])
    )
    arrived = "events" in journey and all(_arrived(event) for event in journey["events"])
    tell.expect(arrived, "每个事件都应到达", "every event arrives", journey)
    tell.fact(
        f"trace_id {journey['trace_id']},{journey['state_zh']}", f"{journey['state']}, version {journey['version']}"
    )
    tell.row(
        ("v", 3), ("event", 28), ("who", 18), ("committed", 10), ("published", 10), ("projected", 10), ("pushed", 0)
    )
    for event in journey["events"]:
        hops = {hop["hop"]: hop for hop in reversed(event["hops"])}
        lags = [_lag(hops.get(name)) for name in ("committed", "published", "projected", "pushed")]
        cells = [(str(event["version"]), 3), (event["event_type"], 28), (event["actor"], 18)]
        tell.row(*cells, *((lag, 10) for lag in lags))
    for refused in journey["refusals"]:
        tell.refusal(refused)
    version = await until_crm_has_all(context, tell, ticket_id)
    tell.fact(f"CRM 状态回调:v1…v{version} 按序各收到一次", "the CRM's callback got each change once, in order")


def _arrived(event: Mapping[str, Any]) -> bool:
    names = {hop["hop"] for hop in event["hops"]}
    return "projected" in names and "waiting" not in names


def _lag(hop: Mapping[str, Any] | None) -> str:
    return "-" if hop is None else "✓" if hop["lag_ms"] is None else f"{hop['lag_ms']:.0f} ms"
