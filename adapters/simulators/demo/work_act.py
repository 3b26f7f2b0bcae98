"""The story's second act: a person is assigned and works the ticket; later it is resolved, and the customer signs."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from adapters.engineer_app.card import card, is_for
from adapters.simulators.demo.context import CLERK, ENGINEER, EVENT_S_MAX, DemoContext, expect_answer, tapped
from adapters.simulators.demo.narrator import Narrator
from bus.domain.people import Person
from bus.domain.routed import Unfit

ASSIGNEE: Final = {
    "role": "field_engineer",
    "person": ENGINEER,
    "contact": "13700000001",
    "backup_person": "陈静",
    "backup_contact": "13700000002",
}
PEOPLE: Final = (
    Person(person=ENGINEER, role="field_engineer", regions=("上海",), capacity=5, contact="13700000001", backup="陈静"),
    Person(person="陈静", role="field_engineer", regions=(), capacity=5, contact="13700000002", backup=ENGINEER),
    Person(
        person="刘洋",
        role="remote_engineer",
        types=("configuration_question",),
        regions=(),
        capacity=5,
        contact="13700000003",
        backup="陈静",
    ),
)
Events = AsyncGenerator[Mapping[str, Any], None]


async def assignment(context: DemoContext, tell: Narrator, ticket_id: str, events: Events) -> None:
    """Assign the engineer, whose app hears of it among `events`."""
    tell.step(
        "App 改订 ticket.assign;智能派单建议人选,调度员指派到人:角色、姓名、联系方式、备份联系人",
        "the app subscribes to ticket.assign; routing suggests who, a dispatcher names person, contact and backup",
        "desk → POST …/assign → PostgreSQL → Kafka ticket.assign → gateway → WebSocket → App",
    )
    arrival = asyncio.ensure_future(anext(events))
    connected = asyncio.ensure_future(context.app.connected.wait())
    await asyncio.wait({arrival, connected}, timeout=EVENT_S_MAX, return_when=asyncio.FIRST_COMPLETED)
    tell.expect(connected.done(), "App 应已连上", "the app is connected", arrival)
    await _suggestion(context, tell, ticket_id)
    begun = time.perf_counter()
    status, answer = await context.dispatcher.assign(ticket_id, ASSIGNEE, "同城且有洗衣机技能")
    tell.expect(status < 300, "指派应成功", "the assignment is accepted", answer)
    async with asyncio.timeout(EVENT_S_MAX):
        frame = await arrival
    took_ms = (time.perf_counter() - begun) * 1000
    event = frame["data"]
    ours = frame["ce"]["subject"] == ticket_id and is_for(ENGINEER, event)
    tell.expect(ours, "应收到本人的指派", "the assignment is for this engineer", frame)
    suggested = await context.app.knowledge(ticket_id)
    tell.expect(suggested.status == 200, "应给出相关知识", "articles that fit are suggested", suggested)
    shown = card(event, (await context.app.ticket(ticket_id)).body, suggested.body["articles"])
    tell.fact(
        f"App 在 {took_ms:.0f} ms 后收到 {frame['ce']['type']}",
        f"pushed after {took_ms:.0f} ms, {frame['traceparent']}",
    )
    tell.row((f"【{shown.ticket_id}】{shown.headline}", 0))
    for line in shown.lines:
        tell.row((line.label, 10), (line.value, 30), (line.english, 0))
    tell.row(("按钮", 10), (" ".join(f"[{button.label}]" for button in shown.buttons), 0))


async def _suggestion(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    routing = await context.dispatcher.suggested(ticket_id)
    tell.expect(routing.get("person") == ENGINEER, f"应建议 {ENGINEER}", f"{ENGINEER} is suggested", routing)
    tell.fact(f"智能派单建议 {ENGINEER}", "routing ranked everybody, with reasons")
    for one in routing["ranking"]:
        why = Unfit(one["unfit"]).zh if one["unfit"] else f"{one['score']:,}"
        tell.row((one["person"], 10), (why, 0))


async def work(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    """Bring the engineer to the place."""
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
        await tapped(context, tell, ticket_id, label, values)
    ticket = (await context.app.ticket(ticket_id)).body
    reached = (ticket.get("state"), ticket.get("substate")) == ("in_progress", "on_site")
    tell.expect(reached, "应为处理中/现场勘查", "it is in progress, on site", ticket)
    tell.fact("状态:处理中 / 现场勘查", "in_progress / on_site")


async def refusal(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    """Resolve without a photo, then with one."""
    tell.step(
        "没有照片就想“解决”:当场被拒,并说明原因",
        "resolving without a photo is refused on the spot, with the reason",
        "App → POST …/resolve → decide → 422 problem+json (refused input is kept)",
    )
    done = {"summary": "排水泵密封圈老化,已更换并试机", "root_cause": "component_wear"}
    refused = await context.app.tap("解决", ticket_id, **done)
    tell.expect(refused.status == 422, "应拒绝", "it is refused", refused)
    tell.refusal(refused.body)
    await tapped(
        context, tell, ticket_id, "拍照", {"uri": "oss://photos/SN-WM-7731/1.jpg", "caption": "更换后的密封圈"}
    )
    await tapped(context, tell, ticket_id, "解决", done)
    await tapped(context, tell, ticket_id, "申请关闭", {})


async def closure(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    """Let the customer sign."""
    tell.step(
        "闭环双签:客户在 CRM 勾选三项,工单关闭",
        "double-sign closure: the customer ticks all three in the CRM and the ticket closes",
        "CRM → signed webhook ticket.closure_confirmed → ClosureConfirmed → Kafka ticket.status",
    )
    ticks = ["问题彻底解决", "无衍生风险", "无需后续支持"]
    receipt = await context.crm.tell("ticket.closure_confirmed", "CRM-1", by=CLERK, confirmed_by="李女士", ticks=ticks)
    expect_answer(tell, receipt, "changed")
    ticket = (await context.app.ticket(ticket_id)).body
    tell.expect(ticket.get("state") == "closed", "应为已关闭", "it is closed", ticket)
    tell.fact(f"{ticket_id} 已关闭", f"closed at {ticket['closed_at']}")
