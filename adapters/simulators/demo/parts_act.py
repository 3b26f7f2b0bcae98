"""Third act of the demo: the ERP fails, one delivery becomes a dead letter, and both are repaired."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.simulators.demo.context import DemoContext
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.demo.systems import BREAKER_FAILURES
from adapters.simulators.dispatcher import until
from adapters.simulators.kingdee_books import BillKept
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.systems_around import ERP, PART
from bus.delivery.status import TargetStatus

DELIVERED_S_MAX: Final = 120.0  # on a busy machine the worker is still starting
STOREKEEPER: Final = "周敏"
PUMP: Final = "WM-PUMP-20"  # not in the ERP's books at first
_STEPS: Final = {"made": "保存 saved", "submitted": "提交 submitted", "audited": "审核 audited"}


async def disk_full(context: DemoContext, tell: Narrator, ticket_id: str) -> None:
    """Ask for parts while the ERP's disk is full: its queue waits behind a breaker, the CRM hears of everything."""
    tell.step(
        "ERP 磁盘已满:领料单排队等待,熔断打开;其他系统不受影响",
        "the ERP's disk is full: requests for parts wait behind a breaker, and nobody else does",
        "App → POST …/request-parts → Kafka ticket.events → stage delivery → Kingdee → HTTP 200, MsgCode 6",
    )
    context.systems.erp.fail(KingdeeFault.DISK_FULL)
    await _asked(context, tell, ticket_id, PUMP, 1)
    await _stands(context, tell, lambda one: one.failures >= BREAKER_FAILURES, "熔断应打开", "its breaker opens")
    await _asked(context, tell, ticket_id, PART, 2)
    stood = await _stands(context, tell, lambda one: one.waiting == 2, "两张领料单应在等待", "two requests wait")
    tell.fact(
        f"连续失败 {stood.failures} 次,熔断打开:每秒只放一次探测,不产生死信",
        f"{stood.failures} failures in a row: one probe a second, and nothing is given up; ticketbus delivery list:",
    )
    _row(tell, stood)
    version = await until_crm_has_all(context, tell, ticket_id)
    tell.fact(
        f"同一时间 CRM 状态回调照常:v1…v{version} 全部按序收到",
        "meanwhile the CRM's callback got every change of the ticket, in order, each once",
    )


async def letter(context: DemoContext, tell: Narrator) -> Mapping[str, Any]:
    """Free the disk: the ERP answers, and does not know the material. Give the dead letter that this becomes."""
    tell.step(
        "磁盘恢复,但 ERP 没有这个物料:这一单成为死信,原因与原文都在",
        "the disk is free, but the ERP does not know the material: a dead letter, with its cause and its bytes",
        "delivery → probe → Kingdee Save → HTTP 200, MsgCode 9 → rejected → letter · ticketbus deadletter show",
    )
    context.systems.erp.heal()
    found = await until(lambda: context.operator.letter(ERP), bool, limit_s=DELIVERED_S_MAX)
    tell.expect(bool(found), "应成为死信", "it becomes a dead letter", await context.operator.target_status(ERP))
    first, last = found["failures"][0], found["failures"][-1]
    known = (last["kind"], found["behind"]) == ("rejected", 1)
    tell.expect(known, "应为业务拒绝,其后等待 1 单", "it is refused, one waits behind it", found)
    tell.fact(
        f"死信 {found['id']}:{found['event']} → {found['target']}", f"letter {found['id']}, cause {found['cause']}"
    )
    for label, one in (("首次 first", first), (f"第 {found['attempts']} 次 last", last)):
        tell.row((label, 16), (f"{one['kind']}: {one['detail']}, code {one.get('code', '-')}", 0))
    asked = ", ".join(f"{one['part_no']} × {one['quantity']}" for one in found["decoded"]["parts"])
    tell.row(("内容 asked for", 16), (asked, 0))
    tell.row(("其后等待 behind", 16), (str(found["behind"]), 0))
    return found


async def repair(context: DemoContext, tell: Narrator, ticket_id: str, found: Mapping[str, Any]) -> None:
    """Make the master record and send the letter again: both requests are issued, each by one bill."""
    tell.step(
        "修复:ERP 建立物料档案,重发死信,写明谁、为什么;后面的一单自动跟上",
        "the repair: the material's record is made, the letter sent again by somebody for a reason; the next follows",
        f"ticketbus deadletter retry {found['id']} --by … --why … → Kingdee Save · Submit · Audit → PartsIssued",
    )
    erp = context.systems.erp
    erp.books.stock[PUMP] = 5
    tell.fact(f"ERP 新建物料 {PUMP}", "the material's record is made in the ERP")
    sent = await context.operator.retry(found["id"], by=STOREKEEPER, why=f"物料 {PUMP} 已建档")
    tell.expect(sent["state"] == "retried" and len(sent["decisions"]) == 1, "死信应已重发", "it is sent again", sent)
    (kept,) = sent["decisions"]
    tell.fact(
        f"死信 {sent['id']} 重发,留档:{kept['by']},{kept['why']}",
        f"the letter is {kept['decision']}; who and why stay on file with it",
    )
    journey = await context.dispatcher.journey(
        ticket_id, lambda found: len(_issued(found)) == 2, limit_s=DELIVERED_S_MAX
    )
    tell.expect(len(_issued(journey)) == 2, "两单应已出库", "both requests are issued", journey)
    versions = " ".join(f"v{each}" for each in _issued(journey))
    tell.fact(f"工单收到出库结果 {versions}", "PartsIssued came back to the ticket; the ERP's own books:")
    for bill in erp.books.bills:
        _bill(tell, bill)
    once = all(bill.steps == dict.fromkeys(_STEPS, 1) for bill in erp.books.bills)
    two = [bill.lines for bill in erp.books.bills] == [[(PUMP, 1)], [(PART, 2)]]
    tell.expect(once and two, "每单应只有一张出库单", "one bill each, in order", erp.books.bills)
    await _stands(context, tell, lambda one: one.waiting == 0, "队列应已清空", "its queue is empty")


async def until_crm_has_all(context: DemoContext, tell: Narrator, ticket_id: str) -> int:
    """Wait until the CRM was told of every change so far, in order and once; give the ticket's version."""
    version = int((await context.app.ticket(ticket_id)).body["version"])
    ledger = context.systems.crm.ledger

    async def received() -> list[int]:
        return ledger.of_ticket(ticket_id)

    heard = await until(received, lambda versions: len(versions) >= version, limit_s=DELIVERED_S_MAX)
    tell.expect(heard == [*range(1, version + 1)], "CRM 应收到全部变更", "the CRM is told of every change", heard)
    return version


async def _asked(context: DemoContext, tell: Narrator, ticket_id: str, part_no: str, quantity: int) -> None:
    parts = [{"part_no": part_no, "quantity": quantity}]
    answer = await context.app.tap("领料", ticket_id, parts=parts, reason="现场更换")
    tell.expect(answer.done, "“领料”应被接受", "the request for parts is accepted", answer)
    tell.fact(f"领料 {part_no} × {quantity}", "parts are asked for; the ticket waits for them")


async def _stands(
    context: DemoContext, tell: Narrator, good: Callable[[TargetStatus], bool], zh: str, en: str
) -> TargetStatus:
    """Wait until the ERP's queue stands so. Raises DemoFailed."""

    def is_so(stood: TargetStatus | None) -> bool:
        return stood is not None and good(stood)

    stood = await until(lambda: context.operator.target_status(ERP), is_so, limit_s=DELIVERED_S_MAX)
    tell.expect(is_so(stood), zh, en, stood)
    assert stood is not None, "it stands so"
    return stood


def _row(tell: Narrator, stood: TargetStatus) -> None:
    titles = (
        ("target", 10),
        ("等待 waiting", 14),
        ("死信 letters", 14),
        ("尝试 attempts", 14),
        ("连续失败 in a row", 0),
    )
    counts = (stood.target, stood.waiting, stood.parked, stood.attempts, stood.failures)
    tell.row(*titles)
    tell.row(*((str(count), width) for count, (_, width) in zip(counts, titles, strict=True)))


def _bill(tell: Narrator, bill: BillKept) -> None:
    lines = ", ".join(f"{part_no} × {quantity:g}" for part_no, quantity in bill.lines)
    steps = ", ".join(f"{_STEPS.get(step, step)} × {times}" for step, times in bill.steps.items())
    tell.row((bill.number, 24), (lines, 18), (steps, 0))


def _issued(journey: Mapping[str, Any]) -> list[int]:
    return [event["version"] for event in journey["events"] if event["event_type"] == "parts.issued.v1"]
