"""The same three faults with the same systems wired to each other: what January looked like to those who sat in it."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from adapters.simulators.beside import beside
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.dispatcher import until
from adapters.simulators.drill.direct_wiring import PartsConsumer, TicketService, listening_service
from adapters.simulators.drill.incident import ENGINEER, MISSPELLED, RIGHT, AppRelease, report
from adapters.simulators.drill.scenario import CALM, HIT
from adapters.simulators.drill.systems import SOURCE, DrillSystems
from adapters.simulators.engineer_app import EngineerApp
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.webhook_sender import WebhookSender

_LATER: Final = "N-006"  # reported when somebody has restarted the middleware
_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillWithoutBus:
    """What was left of it: tickets of the 47 answered and lost, alarms that anybody got, and what waits for the ERP."""

    answered: int
    lost: int
    alarms: int
    waiting_for_erp: int
    took_s: float

    @property
    def wrong(self) -> Sequence[str]:
        """Name what was not as in January, in both languages."""
        heard = self.answered or self.alarms
        return [f"有人得知 / heard of: {self.answered} answered, {self.alarms} alarms"] if heard else []

    @property
    def ending(self) -> str:
        """Say in one line how it ended."""
        return (
            f"没有总线:{self.lost} 张工单无声丢失,{self.waiting_for_erp} 条积压,{self.alarms} 条告警 / without a bus: "
            f"{self.lost} tickets lost in silence, {self.waiting_for_erp} wait, {self.alarms} alarms"
        )

    def as_json(self) -> Mapping[str, Any]:
        """Give it as JSON values."""
        return asdict(self)


async def play_without_bus(scratch: Path, systems: DrillSystems, backlog: int, tell: Narrator) -> DrillWithoutBus:
    """Play it. Raises DemoFailed where even the calm day does not work."""
    began, service = time.monotonic(), TicketService()
    consumer = PartsConsumer(service=service, erp=systems.erp)
    async with AsyncExitStack() as players:
        url = await players.enter_async_context(listening_service(service))
        crm = await players.enter_async_context(WebhookSender(url, systems.crm_secret, source=SOURCE))
        app = EngineerApp(url, "not asked for", scratch / "app.cursor", person=ENGINEER)
        release = AppRelease(app=await players.enter_async_context(app))
        await players.enter_async_context(beside(consumer.run()))
        drill = _Drill(service=service, consumer=consumer, systems=systems, crm=crm, release=release, tell=tell)
        await drill.calm()
        await drill.faults(backlog)
        await drill.restarted()
    answered = len({*HIT} & release.accepted)
    return DrillWithoutBus(
        answered=answered,
        lost=len(HIT) - answered,
        alarms=len(systems.robot.messages),
        waiting_for_erp=service.parts.qsize(),
        took_s=round(time.monotonic() - began, 1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drill:
    service: TicketService
    consumer: PartsConsumer
    systems: DrillSystems
    crm: WebhookSender
    release: AppRelease
    tell: Narrator

    async def calm(self) -> None:
        """Let all work as it did for years: what is reported is accepted, and gets its part."""
        self.tell.step("平静的一天", "a calm day", f"CRM → {RIGHT} → App → ERP")
        async with beside(self.release.follow(RIGHT)):
            await until(self._connected, bool, limit_s=_WAIT_S)
            answers = [await report(self.crm, number) for number in CALM]
            bills = await until(self._bills, lambda count: count >= len(CALM), limit_s=_WAIT_S)
        works = set(answers) == {201} and bills == len(CALM)
        self.tell.expect(works, "报修、接单、出库应成功", "all of it works", (answers, bills))
        self.tell.fact(
            f"{len(CALM)} 张报修,全部接单,ERP 出库 {bills} 张", f"{bills} tickets are accepted and have parts"
        )

    async def faults(self, backlog: int) -> None:
        """Make all three at once; the CRM reports 47 incidents, once each, and parts are asked for all the while."""
        self.tell.step(
            "三个故障同时发生:入口 500 且 CRM 不重试;ERP 磁盘写满,消费者停止;App 新版订阅了错误的主题",
            "three faults at once: the middleware answers 500 and the CRM does not try again; the ERP's disk is full "
            "and its consumer stops; the app's new release subscribes to a misspelled topic",
            MISSPELLED,
        )
        self.service.broken = True
        self.systems.erp.fail(KingdeeFault.DISK_FULL)
        answers = [await report(self.crm, number) for number in HIT]
        self.tell.expect(set(answers) == {500}, "CRM 应得到 500", "the CRM is answered 500", answers)
        self.tell.fact(f"{len(HIT)} 张报修得到 500,没有人知道", f"{len(HIT)} reports get a 500, and nobody hears of it")
        for number in range(backlog):
            self.service.parts.put_nowait(f"B-{number:06d}")
        stopped = await until(self._consumer_stopped, bool, limit_s=_WAIT_S)
        self.tell.expect(stopped, "消费者应停止", "the consumer stops")
        self.tell.fact(f"{self.service.parts.qsize()} 条在 ERP 前积压", f"{backlog} requests for parts wait")

    async def restarted(self) -> None:
        """Let somebody restart the middleware: what was refused is gone, and what comes now reaches no app."""
        self.tell.step("有人重启了入口", "somebody restarts the middleware", f"CRM → {RIGHT}, App ← {MISSPELLED}")
        async with beside(self.release.follow(MISSPELLED)):
            connected = await until(self._connected, bool, limit_s=_WAIT_S)
            self.service.broken = False
            status = await report(self.crm, _LATER)
        self.tell.expect(connected and status == 201, "入口应恢复", "the middleware works", status)
        heard = _LATER in self.release.accepted
        self.tell.expect(not heard, "App 收不到", "the app hears nothing", heard)
        self.tell.fact(
            f"新报修得到 {status};App 的 WebSocket 一切正常,但什么也收不到",
            f"a new report is answered {status}; the app's WebSocket is healthy, and hears of nothing",
        )

    async def _connected(self) -> bool:
        return self.release.app.connected.is_set()

    async def _bills(self) -> int:
        return len(self.systems.erp.books.bills)

    async def _consumer_stopped(self) -> bool:
        return self.consumer.stopped
