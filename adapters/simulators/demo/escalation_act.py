"""The demo's escalation: a complaint that nobody answers in time calls the team lead (R7)."""

import time
from typing import Final

from adapters.simulators.demo.alarms_act import heard
from adapters.simulators.demo.context import CLERK, DemoContext, expect_answer
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.demo.systems import ANSWER_S, LEAD, URGENT

COMPLAINT: Final = {
    "incident_key": {"kind": "phone", "value": "13800004444"},
    "title": "师傅两次爽约",
    "type": URGENT,
    "region": "上海",
    "customer": {"name": "郑先生", "phone": "13800004444"},
}


async def escalation(context: DemoContext, tell: Narrator) -> None:
    """Leave a complaint without an answer, and show the call. Raises DemoFailed."""
    tell.step(
        f"投诉 {ANSWER_S} 秒内无人响应:超时升级,叫到{LEAD}",
        f"a complaint that nobody answers within {ANSWER_S} s is escalated: the team lead is called",
        "CRM → clock of the first response → SlaBreached · TicketEscalated on ticket.sla → alert → robot",
    )
    receipt = await context.crm.tell("ticket.created", "CRM-5", by=CLERK, **COMPLAINT)
    expect_answer(tell, receipt, "opened")
    due = time.monotonic() + ANSWER_S
    text = await heard(context, tell, "工单时限", f"{receipt.result['ticket_id']} first_response", due)
    tell.expect(LEAD in text, f"应叫到{LEAD}", "the message says who is called", text)
