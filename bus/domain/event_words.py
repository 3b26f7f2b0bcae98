"""What service people call each kind of event, in both languages. Pure."""

from collections.abc import Mapping
from typing import Final

from bus.domain.text import Text

EVENT_WORDS: Final[Mapping[str, Text]] = {
    "ticket.opened": Text("建单", "opened"),
    "report.joined": Text("又一次报修", "reported again"),
    "ticket.routed": Text("智能派单", "routed"),
    "ticket.assigned": Text("指派", "assigned"),
    "ticket.returned": Text("退回待分派", "returned"),
    "assignment.accepted": Text("接单", "claimed"),
    "engineer.departed": Text("出发", "set out"),
    "engineer.arrived": Text("到达", "arrived"),
    "collaborator.added": Text("增加协作人", "collaborator added"),
    "collaborator.removed": Text("移除协作人", "collaborator removed"),
    "work.started": Text("开始处理", "work started"),
    "work.paused": Text("挂起", "paused"),
    "pause.reason.changed": Text("改变等待对象", "waits for another"),
    "work.resumed": Text("恢复处理", "went on"),
    "parts.requested": Text("申请备件", "parts asked for"),
    "parts.issued": Text("备件出库", "parts issued"),
    "parts.refused": Text("备件未出库", "parts refused"),
    "evidence.added": Text("凭证", "proof"),
    "note.added": Text("备注", "note"),
    "progress.asked": Text("客户催办", "the customer asked"),
    "customer.link.revoked": Text("作废客户链接", "customer's link revoked"),
    "ticket.resolved": Text("已解决", "resolved"),
    "closure.requested": Text("请客户确认", "closure asked for"),
    "closure.confirmed": Text("客户确认", "confirmed"),
    "closure.rejected": Text("客户拒绝关闭", "declined"),
    "closure.reminded": Text("催客户确认", "customer reminded"),
    "closure.expired": Text("客户未确认,已过期", "request expired"),
    "closure.code.refused": Text("验证码错误", "wrong code"),
    "engineer.link.revoked": Text("作废工程师链接", "engineer's link revoked"),
    "closure.code.asked": Text("重发验证码", "code sent once more"),
    "ticket.tagged": Text("场景标签", "scene tags"),
    "ticket.reopened": Text("重新打开", "reopened"),
    "sla.warned": Text("SLA 预警", "a promise is short"),
    "sla.breached": Text("SLA 超时", "a promise was broken"),
    "sla.breach.withdrawn": Text("撤销 SLA 超时", "it was kept after all"),
    "next.step.overdue": Text("步骤超时", "a step is late"),
    "pause.allowance.spent": Text("挂起超限", "the pause is too long"),
    "ticket.reclassified": Text("更改归类", "reclassified"),
    "promises.replanned": Text("时限重排", "promises planned anew"),
    "ticket.escalated": Text("升级", "escalated"),
    "work.order.started": Text("启动作业单", "work order started"),
    "step.signed.off": Text("签核步骤", "step signed off"),
    "step.approved": Text("批准步骤", "step approved"),
    "step.rejected": Text("退回步骤", "step sent back"),
    "work.order.cancelled": Text("撤销作业单", "work order cancelled"),
    "personal.data.erased": Text("删除个人信息", "personal data erased"),
}
"""By the event's type without its version: `ticket.assigned`."""


def event_words(event_type: str) -> Text | None:
    """Give the words of an event by its type, with its version or without; None: a newer release's, or no event."""
    return EVENT_WORDS.get(event_type.partition(".v")[0])
