"""The demo's story: a CRM reports, a dispatcher assigns, an engineer works a ticket to its end, the customer signs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.engineer_app.card import card, is_for
from adapters.stand_ins.crm import Crm, Receipt
from adapters.stand_ins.desk import Desk
from adapters.stand_ins.engineer_app import EngineerApp, SubscriptionRefused
from adapters.stand_ins.narrator import Narrator

EVENT_S_MAX: Final = 15.0
ENGINEER: Final = "张伟"
DISPATCHER: Final = "王芳"
CLERK: Final = "客服小刘"
ASSIGNEE: Final = {
    "role": "field_engineer",
    "person": ENGINEER,
    "contact": "13700000001",
    "backup_person": "陈静",
    "backup_contact": "13700000002",
}
WASHER: Final = {
    "incident_key": {"kind": "serial", "value": "SN-WM-7731"},
    "title": "洗衣机脱水异响并漏水",
    "type": "hardware_fault",
    "region": "上海",
    "customer": {"name": "李女士", "phone": "13800001111"},
}
OTHERS: Final = (
    {
        "incident_key": {"kind": "serial", "value": "SN-AC-1204"},
        "title": "空调不制冷",
        "type": "hardware_fault",
        "region": "杭州",
        "customer": {"name": "周先生", "phone": "13800002222"},
    },
    {
        "incident_key": {"kind": "phone", "value": "13800003333"},
        "title": "热水器连不上家里的 Wi-Fi",
        "type": "configuration_question",
        "region": "上海",
        "customer": {"name": "吴女士", "phone": "13800003333"},
    },
)
Events = AsyncGenerator[Mapping[str, Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays: all of them speak to the bus over real sockets."""

    crm: Crm
    desk: Desk
    app: EngineerApp
    wrong_app: EngineerApp


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where it plays: the gateway, and who is let in with what."""

    url: str
    crm_secret: str
    dispatcher_token: str
    engineer_token: str
    scratch: Path


async def play(stage: Stage, tell: Narrator) -> str:
    """Play the story and give its ticket's number. Raises StoryFailed, NoAnswer, SubscriptionRefused."""
    async with (
        Crm(stage.url, stage.crm_secret) as crm,
        Desk(stage.url, stage.dispatcher_token, person=DISPATCHER) as desk,
        EngineerApp(stage.url, stage.engineer_token, stage.scratch / "app.cursor", person=ENGINEER) as app,
        EngineerApp(stage.url, stage.engineer_token, stage.scratch / "wrong.cursor", person=ENGINEER) as wrong_app,
    ):
        cast = Cast(crm=crm, desk=desk, app=app, wrong_app=wrong_app)
        ticket_id = await _reports(cast, tell)
        await _second_report(cast, tell, ticket_id)
        await _wrong_topic(cast, tell)
        async with contextlib.aclosing(app.events(["ticket.assign"])) as events:
            await _assignment(cast, tell, ticket_id, events)
            await _work(cast, tell, ticket_id)
            await _refusal(cast, tell, ticket_id)
            await _closure(cast, tell, ticket_id)
        await _read_model(cast, tell, ticket_id)
        await _trace(cast, tell, ticket_id)
        return ticket_id


async def _reports(cast: Cast, tell: Narrator) -> str:
    tell.step(
        "CRM 用签名 Webhook 报修三单",
        "a CRM reports three incidents by signed webhooks",
        "CRM → POST /v1/sources/crm/webhook → decide → PostgreSQL (commit) → outbox → relay → Kafka ticket.events",
    )
    numbers = []
    for index, report in enumerate((WASHER, *OTHERS), start=1):
        begun = time.perf_counter()
        receipt = await cast.crm.tell("ticket.created", f"CRM-{index}", by=CLERK, **report)
        took_ms = (time.perf_counter() - begun) * 1000
        _expect_answer(tell, receipt, "opened")
        numbers.append(str(receipt.result["ticket_id"]))
        tell.fact(
            f"CRM-{index} → {numbers[-1]} {report['title']}({took_ms:.0f} ms)", f"opened, trace {receipt.trace_id}"
        )
    return numbers[0]


async def _second_report(cast: Cast, tell: Narrator, ticket_id: str) -> None:
    tell.step(
        "同一台设备 15 分钟内再次报修:并入主工单;重复投递不起作用",
        "a second report of the same device joins its master; a webhook delivered twice has one effect",
        "CRM → incident key serial SN-WM-7731 → master ticket, kept as ReportJoined",
    )
    again = cast.crm.message("ticket.created", "CRM-4", by="门店小赵", **{**WASHER, "title": "门店代报:洗衣机漏水"})
    joined = await cast.crm.send(again)
    _expect_answer(tell, joined, "joined")
    same = joined.result["ticket_id"] == ticket_id
    tell.expect(same, "应并入主工单", "it joins the master", joined.answer)
    tell.fact(f"CRM-4 → {ticket_id}(主工单)", "joined; the reporter gets the master's number")
    repeat = await cast.crm.send(again)
    once = repeat.taken and repeat.result.get("version") == joined.result.get("version")
    tell.expect(once, "重复投递应无影响", "a repeat changes nothing", repeat.answer)
    tell.fact("同一 webhook-id 再投一次:答复相同,没有新事件", "the same delivery again: same answer, no new event")


async def _wrong_topic(cast: Cast, tell: Narrator) -> None:
    tell.step(
        "App 误订 ticket.assigns(一月事故的错字):立即被告知",
        "the app subscribes to ticket.assigns, January's typo, and is told at once",
        "App → WebSocket /v1/stream?topics=ticket.assigns → topic contract",
    )
    try:
        async with (
            asyncio.timeout(EVENT_S_MAX),
            contextlib.aclosing(cast.wrong_app.events(["ticket.assigns"])) as events,
        ):
            async for event in events:
                tell.expect(False, "错误主题不应有事件", "an unknown topic has no events", event["topic"])
    except SubscriptionRefused as refused:
        tell.expect("ticket.assign" in str(refused.problem), "应提示正确主题", "it names the closest", refused.problem)
        tell.refusal(refused.problem)


async def _assignment(cast: Cast, tell: Narrator, ticket_id: str, events: Events) -> None:
    tell.step(
        "App 改订 ticket.assign,调度员指派到人:角色、姓名、联系方式、备份联系人",
        "the app subscribes to ticket.assign; a dispatcher names role, person, contact and backup",
        "desk → POST …/assign → PostgreSQL → Kafka ticket.assign → gateway → WebSocket → App",
    )
    arrival = asyncio.ensure_future(anext(events))
    connected = asyncio.ensure_future(cast.app.connected.wait())
    await asyncio.wait({arrival, connected}, timeout=EVENT_S_MAX, return_when=asyncio.FIRST_COMPLETED)
    tell.expect(connected.done(), "App 应已连上", "the app is connected", arrival)
    begun = time.perf_counter()
    status, answer = await cast.desk.assign(ticket_id, ASSIGNEE, "同城且有洗衣机技能")
    tell.expect(status < 300, "指派应成功", "the assignment is accepted", answer)
    async with asyncio.timeout(EVENT_S_MAX):
        frame = await arrival
    took_ms = (time.perf_counter() - begun) * 1000
    event = frame["data"]
    ours = frame["ce"]["subject"] == ticket_id and is_for(ENGINEER, event)
    tell.expect(ours, "应收到本人的指派", "the assignment is for this engineer", frame)
    shown = card(event, (await cast.app.ticket(ticket_id)).body)
    tell.fact(
        f"App 在 {took_ms:.0f} ms 后收到 {frame['ce']['type']}",
        f"pushed after {took_ms:.0f} ms, {frame['traceparent']}",
    )
    tell.row((f"【{shown.ticket_id}】{shown.headline}", 0))
    for line in shown.lines:
        tell.row((line.label, 10), (line.value, 30), (line.english, 0))
    tell.row(("按钮", 10), (" ".join(f"[{button.label}]" for button in shown.buttons), 0))


async def _work(cast: Cast, tell: Narrator, ticket_id: str) -> None:
    tell.step(
        "工程师接单、远程诊断、出发、到达现场",
        "the engineer accepts, diagnoses remotely, departs and arrives",
        "App → POST /v1/tickets/{id}/accept · start · depart · arrive (Idempotency-Key) → TRANSITIONS",
    )
    for label, values in (
        ("接单", {}),
        ("开始处理", {"substate": "remote_diagnosis"}),
        ("出发", {}),
        ("到达", {"place": "上海市徐汇区"}),
    ):
        await _tapped(cast, tell, ticket_id, label, values)
    ticket = (await cast.app.ticket(ticket_id)).body
    reached = (ticket.get("state"), ticket.get("substate")) == ("in_progress", "on_site")
    tell.expect(reached, "应为处理中/现场勘查", "it is in progress, on site", ticket)
    tell.fact("状态:处理中 / 现场勘查", "in_progress / on_site")


async def _refusal(cast: Cast, tell: Narrator, ticket_id: str) -> None:
    tell.step(
        "没有照片就想“解决”:当场被拒,并说明原因",
        "resolving without a photo is refused on the spot, with the reason",
        "App → POST …/resolve → decide → 422 problem+json (refused input is kept)",
    )
    done = {"summary": "排水泵密封圈老化,已更换并试机", "root_cause": "component_wear"}
    refused = await cast.app.tap("解决", ticket_id, **done)
    tell.expect(refused.status == 422, "应拒绝", "it is refused", refused)
    tell.refusal(refused.body)
    await _tapped(cast, tell, ticket_id, "拍照", {"uri": "oss://photos/SN-WM-7731/1.jpg", "caption": "更换后的密封圈"})
    await _tapped(cast, tell, ticket_id, "解决", done)
    await _tapped(cast, tell, ticket_id, "申请关闭", {})


async def _closure(cast: Cast, tell: Narrator, ticket_id: str) -> None:
    tell.step(
        "闭环双签:客户在 CRM 勾选三项,工单关闭",
        "double-sign closure: the customer ticks all three in the CRM and the ticket closes",
        "CRM → signed webhook ticket.closure_confirmed → ClosureConfirmed → Kafka ticket.status",
    )
    ticks = ["问题彻底解决", "无衍生风险", "无需后续支持"]
    receipt = await cast.crm.tell("ticket.closure_confirmed", "CRM-1", by=CLERK, confirmed_by="李女士", ticks=ticks)
    _expect_answer(tell, receipt, "changed")
    ticket = (await cast.app.ticket(ticket_id)).body
    tell.expect(ticket.get("state") == "closed", "应为已关闭", "it is closed", ticket)
    tell.fact(f"{ticket_id} 已关闭", f"closed at {ticket['closed_at']}")


async def _read_model(cast: Cast, tell: Narrator, ticket_id: str) -> None:
    tell.step(
        "列表(读模型)跟上:责任链快照",
        "the list, a read model kept by a Faust stage, has it too, with its responsibility snapshot",
        "Kafka ticket.events → Faust stage projections → PostgreSQL tickets → GET /v1/tickets?state=closed",
    )
    row = await cast.desk.listed("closed", lambda each: each.get("ticket_id") == ticket_id)
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


async def _trace(cast: Cast, tell: Narrator, ticket_id: str) -> None:
    tell.step(
        f"追踪 {ticket_id}:每个事件走到了哪里,每一跳用了多少毫秒",
        "the trace: how far each event went, and the milliseconds of each hop",
        f"GET /v1/journeys/{ticket_id} · ticketbus trace {ticket_id}",
    )
    journey = await cast.desk.journey(ticket_id, lambda told: all(_arrived(event) for event in told["events"]))
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


def _arrived(event: Mapping[str, Any]) -> bool:
    names = {hop["hop"] for hop in event["hops"]}
    return "projected" in names and "waiting" not in names


def _lag(hop: Mapping[str, Any] | None) -> str:
    return "-" if hop is None else "✓" if hop["lag_ms"] is None else f"{hop['lag_ms']:.0f} ms"


async def _tapped(cast: Cast, tell: Narrator, ticket_id: str, label: str, values: Mapping[str, Any]) -> None:
    answer = await cast.app.tap(label, ticket_id, **values)
    tell.expect(answer.done, f"“{label}”应被接受", f"{label} is accepted", answer)
    tell.fact(f"{label}")


def _expect_answer(tell: Narrator, receipt: Receipt, answer: str) -> None:
    tell.expect(
        receipt.result.get("answer") == answer,
        f"应答应为 {answer}",
        f"the answer is {answer}",
        receipt,
    )
