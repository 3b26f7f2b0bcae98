"""The drill's scenario: calm, three faults at once, their alarms, the verdicts, the repairs, and the count."""

import functools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from adapters.simulators.beside import beside
from adapters.simulators.demo.context import DiskMade
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.dispatcher import DispatcherClient, until
from adapters.simulators.drill.incident import (
    ASSIGNEE,
    DISK,
    ENGINEER,
    MISSPELLED,
    RIGHT,
    AppRelease,
    ErpDisk,
    report,
)
from adapters.simulators.drill.systems import ERP_HOST, SOURCE, DrillSystems
from adapters.simulators.drill.truth import TICKETS, DrillResult, DrillTruth, ExpectedAlarm, ExpectedVerdict
from adapters.simulators.engineer_app import EngineerApp
from adapters.simulators.host_client import HostClient
from adapters.simulators.systems_around import ERP
from adapters.simulators.webhook_sender import WebhookSender

HIT: Final = tuple(f"S-{number:03d}" for number in range(1, TICKETS + 1))
CALM: Final = tuple(f"N-{number:03d}" for number in range(1, 6))
_WAIT_S: Final = 60.0


class DrillOperator(Protocol):
    """What an operator does at a terminal, by the same functions as the commands named, and the injector's means."""

    async def start_work(self, tickets: int) -> Sequence[str]:
        """Open so many tickets and bring them so far that parts may be asked for; gives their numbers."""

    async def ask_for_parts(self, tickets: Sequence[str]) -> None:
        """Ask for a part for each."""

    async def give_history(self, disk: DiskMade) -> None:
        """Keep samples of the ten minutes before now, as if its watch had run."""

    def broken_openings(self) -> AbstractAsyncContextManager[None]:
        """Let every opening fail in the database."""

    async def waiting(self, target: str) -> tuple[int, str]:
        """Give how much waits for a target and why it is held, as `ticketbus delivery list` does."""

    async def trace(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Give the verdicts on a name, as `ticketbus trace` does; none for what nobody knows."""

    async def reconcile(self, *, ingest: bool) -> Sequence[str]:
        """Compare the CRM's list, as `ticketbus reconcile` does; gives what is missing, or the tickets opened."""

    async def live_s(self, target: str, tickets: Sequence[str], freed_at: datetime) -> tuple[float, float]:
        """Give the seconds until the target took something again, and the p95 of what these tickets took from then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStage:
    """Where it plays, and who is let in with what."""

    url: str
    dispatcher_token: str
    engineer_token: str
    host_token: str
    scratch: Path
    systems: DrillSystems
    operator: DrillOperator
    backlog: int


def truth_of(backlog: int) -> DrillTruth:
    """Say what will be done, and what must be seen of it."""
    return DrillTruth(
        tickets=HIT,
        backlog=backlog,
        disk="a byte budget that the ERP's stand-in keeps to, read by a watch",
        alarms=(
            ExpectedAlarm(fault="500", title="对来源系统应答 5xx", about=SOURCE),
            ExpectedAlarm(fault="topic", title="使用了未声明的主题", about=MISSPELLED),
            ExpectedAlarm(fault="disk", title="磁盘即将写满", about=f"{ERP_HOST} {DISK.path}"),
            ExpectedAlarm(fault="together", title="跨系统故障", about="订阅侧"),
        ),
        verdicts=(
            ExpectedVerdict(when="answered 500", source_no=HIT[0], causes=("never_arrived",)),
            ExpectedVerdict(when="opened and assigned", source_no=HIT[1], causes=("topic_mismatch",)),
            ExpectedVerdict(when="parts asked for", source_no=HIT[2], causes=("topic_mismatch", "disk_floor")),
        ),
    )


async def play(stage: DrillStage, tell: Narrator) -> DrillResult:
    """Play the drill and judge it. Raises DemoFailed where it cannot go on, NoAnswer, BusError."""
    result, began, systems = DrillResult(truth=truth_of(stage.backlog)), time.monotonic(), stage.systems
    async with AsyncExitStack() as players:
        crm = await players.enter_async_context(WebhookSender(stage.url, systems.crm_secret, source=SOURCE))
        crm.tickets = systems.crm.tickets
        app = EngineerApp(stage.url, stage.engineer_token, stage.scratch / "app.cursor", person=ENGINEER)
        host = await players.enter_async_context(HostClient(stage.url, stage.host_token))
        dispatcher = DispatcherClient(stage.url, stage.dispatcher_token, person="王芳")
        drill = _Drill(
            stage=stage,
            tell=tell,
            result=result,
            crm=crm,
            release=AppRelease(app=await players.enter_async_context(app)),
            disk=ErpDisk(host=host, erp=systems.erp),
            dispatcher=await players.enter_async_context(dispatcher),
        )
        await drill.play()
    result.took_s = round(time.monotonic() - began, 1)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drill:
    stage: DrillStage
    tell: Narrator
    result: DrillResult
    crm: WebhookSender
    release: AppRelease
    disk: ErpDisk
    dispatcher: DispatcherClient

    async def play(self) -> None:
        """Go through all acts."""
        busy = await self.calm()
        await self.stage.operator.give_history(DISK)
        async with beside(self.disk.watch()), beside(self.release.insist(MISSPELLED)):
            async with self.stage.operator.broken_openings():
                await self.faults()
                await self.backlog(busy)
                await self.traced(0, await self.stage.operator.reconcile(ingest=False))
            tickets = await self.ingested()
            await self.traced(1, HIT)
            await self.release.work(tickets[HIT[2]])  # by phone: the engineer accepts without the push
            await self.traced(2, HIT)
        await self.repaired(busy, tickets)

    async def calm(self) -> Sequence[str]:
        """Let all work as it should: some tickets come in, others are worked, and the app follows its topic."""
        self.tell.step("平静的一天", "a calm day", f"CRM → bus → ERP, App 订阅 {RIGHT}")
        answers = [await report(self.crm, number) for number in CALM]
        self.tell.expect(set(answers) == {201}, "报修应成功", "reports are taken", answers)
        async with beside(self.release.follow(RIGHT)):
            await until(self._connected, bool, limit_s=_WAIT_S)
        busy = await self.stage.operator.start_work(self.stage.backlog)
        self.tell.fact(f"{len(CALM)} 张报修,{len(busy)} 张在处理", f"{len(busy)} tickets are being worked on")
        return busy

    async def faults(self) -> None:
        """Make all three at once; then the CRM reports 47 incidents, once each."""
        self.tell.step(
            "三个故障同时发生:入口 500 且 CRM 不重试;ERP 主机写满磁盘;App 新版订阅了错误的主题",
            "three faults at once: the door answers 500 and the CRM does not try again; the ERP's host fills its disk; "
            "the app's new release subscribes to a misspelled topic",
            f"{self.result.truth.disk} · {MISSPELLED}",
        )
        since = time.monotonic()
        self.disk.fill()
        answers = [await report(self.crm, number) for number in HIT]
        self.tell.expect(set(answers) == {500}, "CRM 应得到 500", "the CRM is answered 500", answers)
        self.tell.fact(f"{TICKETS} 张报修得到 500,CRM 不再发送", f"{TICKETS} reports get a 500, and are not sent again")
        for expected in self.result.truth.alarms:
            at = await until(functools.partial(self._heard, expected), bool, limit_s=_WAIT_S)
            self.result.alarm(expected, at - since if at else None)
            if at:
                self.tell.fact(f"故障后 {at - since:.1f} 秒:{expected.title}", f"{expected.fault}, {expected.about}")

    async def backlog(self, busy: Sequence[str]) -> None:
        """Let the ERP's queue grow behind the full disk."""
        self.tell.step(
            "ERP 磁盘到停写线,总线暂停投递,积压增长", "the disk is at its floor: the bus holds deliveries", ""
        )
        _, why = await until(lambda: self.stage.operator.waiting(ERP), lambda one: ERP_HOST in one[1], limit_s=_WAIT_S)
        self.tell.expect(ERP_HOST in why, "投递应暂停", "deliveries are held", why)
        await self.stage.operator.ask_for_parts(busy)
        waits, _ = await until(
            lambda: self.stage.operator.waiting(ERP), lambda one: one[0] >= len(busy), limit_s=10 * _WAIT_S
        )
        self.tell.fact(f"{waits} 张领料单在排队:{why}", f"{waits} requests for parts wait")

    async def ingested(self) -> Mapping[str, str]:
        """Mend the door's database, open what never arrived, and assign it; gives tickets by the CRM's numbers."""
        self.tell.step("修复一:修好数据库,对账补单,指派", "first repair: reconcile and open what is missing", "")
        opened = await self.stage.operator.reconcile(ingest=True)
        tickets = dict(zip(HIT, opened, strict=False))
        self.tell.expect(len(tickets) == TICKETS, "应补齐", "all are opened", opened)
        for ticket_id in tickets.values():
            status, answer = await self.dispatcher.assign(ticket_id, ASSIGNEE, "就近")
            self.tell.expect(status < 300, "指派应成功", "the assignment is accepted", answer)
        self.tell.fact(f"补录并指派 {TICKETS} 张", f"{TICKETS} tickets are opened at their original time, and assigned")
        return tickets

    async def traced(self, index: int, among: Sequence[str]) -> None:
        """Ask where a ticket is, and judge the answer by the truth."""
        expected = self.result.truth.verdicts[index]
        self.tell.expect(expected.source_no in among, "应在其中", f"{expected.source_no} is among them", among)

        async def causes() -> Sequence[Mapping[str, Any]]:
            return await self.stage.operator.trace(expected.source_no)

        def settled(found: Sequence[Mapping[str, Any]]) -> bool:
            return [one["cause"] for one in found] == [*expected.causes]

        found = await until(causes, settled, limit_s=_WAIT_S / 4)
        self.result.verdict(expected, [one["cause"] for one in found])
        self.tell.step(f"ticketbus trace {expected.source_no}", expected.when, "")
        for line in found:
            self.tell.fact(line["zh"], f"{line['en']}\n       $ {line['next']}")

    async def repaired(self, busy: Sequence[str], tickets: Mapping[str, str]) -> None:
        """Free the disk and roll the app back; what waited drains, and everything is counted."""
        self.tell.step("修复二、三:清理磁盘,App 回滚", "the other repairs: the disk is freed, the app rolled back", "")
        since, wanted, erp = time.monotonic(), len(busy) + TICKETS, self.stage.systems.erp
        self.disk.free()
        freed_at = datetime.now(UTC)

        async def drained() -> int:
            return len(erp.books.bills)

        async def answered() -> int:
            return len(self.release.accepted)

        async with beside(self.disk.watch()), beside(self.release.follow(RIGHT)):
            await until(answered, lambda count: count >= TICKETS, limit_s=_WAIT_S)
            bills = await until(drained, lambda count: count >= wanted, limit_s=10 * _WAIT_S)
            await until(lambda: self.stage.operator.waiting(ERP), lambda one: one[0] == 0, limit_s=_WAIT_S)
        self._count(bills, wanted, tickets, time.monotonic() - since)
        self.result.live(*await self.stage.operator.live_s(ERP, [*tickets.values()], freed_at))
        self.result.count()

    def _count(self, bills: int, wanted: int, tickets: Mapping[str, str], seconds: float) -> None:
        result, books = self.result, self.stage.systems.erp.books
        result.answered = len({*tickets.values()} & {*self.release.accepted})
        # A request for parts is one bill that was audited; its note names the request.
        issued = Counter(bill.model["FNote"] for bill in books.bills if bill.steps["audited"])
        result.lost = wanted - len(issued) + TICKETS - result.answered
        result.repeated = sum(issued.values()) - len(issued)
        result.backlog_drained, result.drain_s = bills, round(seconds, 1)
        self.tell.fact(
            f"应答 {result.answered}/{TICKETS},丢失 {result.lost},重复 {result.repeated};"
            f"{bills} 张领料单在 {seconds:.0f} 秒内完成(ERP 自己的速度 {bills / seconds:.0f}/秒)",
            f"answered {result.answered} of {TICKETS}, lost {result.lost}, repeated {result.repeated}; {bills} bills "
            f"in {seconds:.0f} s, as fast as the ERP is",
        )

    async def _connected(self) -> bool:
        return self.release.app.connected.is_set()

    async def _heard(self, one: ExpectedAlarm) -> float | None:
        robot = self.stage.systems.robot
        return next((at for at, text in robot.messages if f" 告警】{one.title}" in text and one.about in text), None)
