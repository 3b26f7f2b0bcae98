"""Clients of each public door: they walk tickets through their lives, some of it refused, some of it asked twice."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import orjson

from adapters import webhook_signature as signature
from bus.app import FIRST_ADMIN
from bus.domain.commands import Command, Note, OpenTicket
from bus.domain.terms import CommandId, Tick
from bus.intake.command_bodies import build
from bus.intake.command_ids import command_id, delivery_command_id
from schemas.messages import CommandSent
from tests.bus_under_test import WEBHOOK_SECRET, eventually
from tests.faults.asking import Ask, Load, told_by
from tests.faults.history import SPOOLED, Channel, Kind, Op

CRM = "crm"
INCIDENTS_KEPT = 12  # that others report too
PART_NO = "PCB-02"
_PART = {"part_no": PART_NO, "quantity": 1}
_TICKS = [tick.value for tick in Tick]
# What is refused whenever it is asked: too early, incomplete, misspelled.
_WRONG = (("confirm-closure", {"confirmed_by": "陈女士"}), ("note", {"text": " "}), ("note", {"txt": "?"}))
Step = tuple[str, Mapping[str, Any]]


@dataclass(slots=True, kw_only=True)
class Client:
    """One client. `rng` decides what it asks; chance of the network decides the rest."""

    load: Load
    name: str
    rng: Random

    def op(self, channel: Channel, action: str, key: str, command: CommandId) -> Op:
        """Begin a line of the history."""
        return Op(
            process=self.name, kind=Kind.INVOKE, channel=channel, action=action, key=key, command_id=str(command), at=0
        )

    async def pace(self) -> None:
        """Wait a moment, or until all is to end."""
        try:
            async with asyncio.timeout(self.rng.expovariate(1 / self.load.pause_s)):
                await self.load.stopping.wait()
        except TimeoutError:
            return

    async def say(self, op: Op, ask: Ask) -> Op:
        """Ask, now and then twice at once, as when a network doubles what is sent."""
        if self.rng.random() >= self.load.doubled:
            return await self.load.say(op, ask)
        twice = [self.load.say(replace(op, process=name), ask) for name in (self.name, f"{self.name}'")]
        first, second = await asyncio.gather(*twice)
        return first if first.ticket_id else second

    def incident(self) -> str:
        """Choose what an opening is about: mostly something new, now and then what others report too."""
        known = self.load.incidents
        if known and self.rng.random() < 0.3:
            return self.rng.choice(known)
        known.append(f"SN-{uuid4().hex[:12]}")
        del known[:-INCIDENTS_KEPT]
        return known[-1]

    def opening(self) -> dict[str, Any]:
        """Describe an incident."""
        key = {"kind": "serial", "value": self.incident()}
        return {"incident_key": key, "title": "冰箱不制冷", "type": self.load.ticket_type, "region": "华东"}


class Clerk(Client):
    """A client of the REST door: opens tickets and brings each to its end."""

    async def work(self) -> None:
        """Work until the load stops."""
        while not self.load.stopping.is_set():
            opened = await self.command("open-ticket", "/v1/tickets", self.opening())
            steps = (
                life(self.rng, self.load.parts, sound=self.load.sound)
                if opened.answer == "opened"
                else iter([("note", {"text": "同一故障又报"})])
            )
            for name, body in steps:
                await self.pace()
                if not opened.ticket_id or self.load.stopping.is_set():
                    break
                await self.command(name, f"/v1/tickets/{opened.ticket_id}/{name}", body)
                if name == "request-parts" and self.load.sound:
                    await self.parts_answered(opened.ticket_id)

    async def parts_answered(self, ticket_id: str) -> None:
        """Wait for the store as an engineer does: who goes on without it makes its answer come too late."""

        async def answered() -> bool:
            try:
                shown = await self.load.http.get(f"/v1/tickets/{ticket_id}")
            except httpx2.TransportError:
                return False
            return shown.status_code == 200 and not shown.json()["paused"]

        await eventually(answered, within_s=self.load.patience_s, each_s=0.5, what=lambda: f"parts for {ticket_id}")

    async def command(self, name: str, path: str, body: Mapping[str, Any]) -> Op:
        """Give one command under a key of its own."""
        key = uuid4().hex

        async def ask(op: Op) -> Op:
            return told_by(op, await self.load.http.post(path, json=body, headers={"Idempotency-Key": key}))

        return await self.say(self.op(Channel.HTTP, name, key, command_id(FIRST_ADMIN, key)), ask)


class Crm(Client):
    """A client of the webhook door: reports incidents and what their customers say."""

    async def work(self) -> None:
        """Work until the load stops."""
        while not self.load.stopping.is_set():
            number = f"C-{uuid4().hex[:12]}"
            await self.deliver("ticket.created", {"source_no": number, **self.opening()})
            for _ in range(self.rng.randrange(4)):
                await self.pace()
                if self.load.stopping.is_set():
                    break
                kind = self.rng.choice(["ticket.note", "ticket.progress_asked"])
                await self.deliver(kind, {"source_no": number, "text": "什么时候来?"})

    async def deliver(self, kind: str, data: Mapping[str, Any]) -> Op:
        """Send one delivery; every attempt is signed anew under the same id."""
        delivery, path = f"msg_{uuid4().hex}", f"/v1/sources/{CRM}/webhook"
        body = orjson.dumps({"type": kind, "timestamp": datetime.now(UTC), "data": data})
        secret = signature.secret(WEBHOOK_SECRET)

        async def ask(op: Op) -> Op:
            headers = signature.sign(secret, delivery, datetime.now(UTC), body)
            return told_by(op, await self.load.http.post(path, content=body, headers=headers))

        return await self.say(self.op(Channel.WEBHOOK, kind, delivery, delivery_command_id(CRM, delivery, "0")), ask)


class System(Client):
    """A system that speaks Kafka itself: opens tickets and goes on with them by its own numbers."""

    async def work(self) -> None:
        """Work until the load stops."""
        while not self.load.stopping.is_set():
            number = f"K-{uuid4().hex[:12]}"
            await self.send(build(OpenTicket, {**self.opening(), "source_no": number}))
            for _ in range(self.rng.randrange(4)):
                await self.pace()
                if self.load.stopping.is_set():
                    break
                await self.send(Note(text=self.rng.choice(["已派车", "已派车" if self.load.sound else " "])), number)

    async def send(self, command: Command, number: str = "") -> Op:
        """Put one command on the topic; what the broker has is accepted for later."""
        key = uuid4().hex
        sent = CommandSent(
            idempotency_key=key, source=self.name, actor=self.name, ticket_source_no=number, command=command
        )

        async def ask(op: Op) -> Op:
            await self.load.speak(sent)
            return replace(op, kind=Kind.OK, answer=SPOOLED)

        return await self.say(self.op(Channel.KAFKA, type(command).__name__, key, command_id(self.name, key)), ask)


def life(rng: Random, parts: float, *, sound: bool) -> Iterator[Step]:
    """Choose what happens to a ticket after it was opened; some of it is refused, unless it is sound."""

    def maybe(share: float, *steps: Step) -> Iterator[Step]:
        return iter(steps if rng.random() < share else ())

    persons = rng.sample(["王磊", "赵敏", "李工", "周洋"], 2)
    assign = {
        "assignee": {
            "role": "现场工程师",
            "person": persons[0],
            "contact": "13900000001",
            "backup_person": persons[1],
            "backup_contact": "13900000002",
        },
        "reason": "就近",
    }
    note: Step = ("note", {"text": "门禁密码 1234"})
    yield from maybe(0 if sound else 0.1, *_WRONG)
    yield "assign", assign
    yield from maybe(0.2, ("return", {"reason": "不在本区"}), ("assign", assign))
    yield "accept", {}
    yield from maybe(0.3, ("depart", {}), ("arrive", {"place": "客户家"}))
    yield "start", {"substate": "remote_diagnosis", "reason": "先远程"}
    yield from maybe(0.5, note, note)
    yield from maybe(0.4, ("pause", {"waiting_for": "customer", "reason": "不在家"}), ("resume", {"reason": "回来了"}))
    wanted = {"request_no": "PR-1", "parts": [_PART]}
    by_hand = maybe(
        0 if sound else 0.5, ("issue-parts", {**wanted, "document_no": "CK-1"})
    )  # though a store may answer as well
    yield from maybe(parts, ("request-parts", {**wanted, "reason": "烧毁"}), *by_hand)
    yield "resolve", {"photos": ["photo://1"], "summary": "更换主控板", "root_cause": "control_board"}
    yield "request-closure", {}
    yield "confirm-closure", {"confirmed_by": "陈女士", "ticks": _TICKS}
    yield from maybe(0.2, ("reopen", {"reason": "又不制冷"}), note)
