"""The story's first act: reports come in, one joins its master, and a topic is spelled wrong."""

import asyncio
import contextlib
import time
from typing import Final

from adapters.simulators.demo.context import CLERK, EVENT_S_MAX, DemoContext, expect_answer
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.engineer_app import SubscriptionRefused

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


async def reports(context: DemoContext, tell: Narrator) -> str:
    """Open three tickets; give the number of the washing machine's."""
    tell.step(
        "CRM 用签名 Webhook 报修三单",
        "a CRM reports three incidents by signed webhooks",
        "CRM → POST /v1/sources/crm/webhook → decide → PostgreSQL (commit) → outbox → relay → Kafka ticket.events",
    )
    numbers = []
    for index, report in enumerate((WASHER, *OTHERS), start=1):
        begun = time.perf_counter()
        receipt = await context.crm.tell("ticket.created", f"CRM-{index}", by=CLERK, **report)
        took_ms = (time.perf_counter() - begun) * 1000
        expect_answer(tell, receipt, "opened")
        numbers.append(str(receipt.result["ticket_id"]))
        tell.fact(
            f"CRM-{index} → {numbers[-1]} {report['title']}({took_ms:.0f} ms)", f"opened, trace {receipt.trace_id}"
        )
    return numbers[0]


async def second_report(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    """Report the same machine again, and send that report twice."""
    tell.step(
        "同一台设备 15 分钟内再次报修:并入主工单;重复投递不起作用",
        "a second report of the same device joins its master; a webhook delivered twice has one effect",
        "CRM → incident key serial SN-WM-7731 → master ticket, kept as ReportJoined",
    )
    again = context.crm.message("ticket.created", "CRM-4", by="门店小赵", **{**WASHER, "title": "门店代报:洗衣机漏水"})
    joined = await context.crm.send(again)
    expect_answer(tell, joined, "joined")
    same = joined.result["ticket_id"] == ticket_id
    tell.expect(same, "应并入主工单", "it joins the master", joined.answer)
    tell.fact(f"CRM-4 → {ticket_id}(主工单)", "joined; the reporter gets the master's number")
    repeat = await context.crm.send(again)
    once = repeat.taken and repeat.result.get("version") == joined.result.get("version")
    tell.expect(once, "重复投递应无影响", "a repeat changes nothing", repeat.answer)
    tell.fact("同一 webhook-id 再投一次:答复相同,没有新事件", "the same delivery again: same answer, no new event")


async def wrong_topic(context: DemoContext, tell: Narrator) -> None:
    """Subscribe to a topic that there is not."""
    tell.step(
        "App 误订 ticket.assigns(一月事故的错字):立即被告知",
        "the app subscribes to ticket.assigns, January's typo, and is told at once",
        "App → WebSocket /v1/stream?topics=ticket.assigns → topic contract",
    )
    try:
        async with (
            asyncio.timeout(EVENT_S_MAX),
            contextlib.aclosing(context.wrong_app.events(["ticket.assigns"])) as events,
        ):
            async for event in events:
                tell.expect(False, "错误主题不应有事件", "an unknown topic has no events", event["topic"])
    except SubscriptionRefused as refused:
        tell.expect("ticket.assign" in str(refused.problem), "应提示正确主题", "it names the closest", refused.problem)
        tell.refusal(refused.problem)
