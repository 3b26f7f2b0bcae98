"""Notices files, calls and targets that the tests of all channels to people are made of."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.contract_suites import target as suite
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.notice_simulator import NoticeSimulator
from bus.delivery.recipients import Recipients, RecipientsInMemory
from bus.delivery.target import Call, DeliveryFailed, FailureKind, Target, delivery_key
from bus.domain.events import Event, TicketAssigned
from bus.domain.terms import EventId
from bus.domain.ticket import Ticket
from bus.domain.values import Assignee
from bus.wire.headers import traceparent

ASSIGNED = TicketAssigned(
    assignee=Assignee(
        role="field_engineer",
        person="张伟",
        contact="13700000001",
        backup_person="陈静",
        backup_contact="13700000002",
    ),
    previous_person="",
    reason="",
)
PEOPLE: Mapping[str, Mapping[str, str]] = {
    "张伟": {"wecom": "zhangwei", "dingtalk": "manager7", "wechat": "oZhangWei", "phone": "13700000001"},
    "陈静": {"wecom": "chenjing", "dingtalk": "manager8", "wechat": "oChenJing"},
    "刘组长": {"wecom": "liu"},
    "李女士": {"wechat": "oLiNvShi", "phone": "138 0000 1111"},
}
CARD: Mapping[str, Any] = {
    "title": "新工单 {ticket.title}",
    "text": "{ticket.customer.name} {ticket.customer.phone}",
    "fields": {"工单": "{ticket_id}", "时间": "{occurred_at}"},
    "link": "{map}",
}
WECHAT: Mapping[str, Any] = {
    "template_id": "TPL-ASSIGNED",
    "data": {"thing2": "{ticket.title}", "character_string1": "{ticket_id}", "time3": "{occurred_at}"},
}
SMS: Mapping[str, Any] = {"template_code": "SMS_154950909", "params": {"no": "{ticket_id}", "title": "{ticket.title}"}}


UNKNOWN, UNAVAILABLE, UNAUTHORIZED = FailureKind.UNKNOWN, FailureKind.UNAVAILABLE, FailureKind.UNAUTHORIZED
HANGING = {NoticeFault.SLOW, NoticeFault.HANG, NoticeFault.HANG_AFTER}


async def hanging_apart(
    failing: Callable[[NoticeFault, FailureKind | None], Awaitable[None]],
    kinds: Mapping[NoticeFault, FailureKind | None],
) -> None:
    """Try all faults at the same time, but those that last until a short deadline after the others."""
    for hangs in (False, True):
        await asyncio.gather(*(failing(*one) for one in kinds.items() if (one[0] in HANGING) is hangs))


async def leaves_one_message(
    adapter: TargetAdapter[Any],
    simulator: Callable[[], NoticeSimulator],
    file: Mapping[str, Any],
    *,
    step: str,
    kinds: Mapping[NoticeFault, FailureKind | None],
    reached: Sequence[str],
) -> None:
    """Try every fault at a step of a channel with a token: its kind, and in the end one message to each person."""
    refused = {UNKNOWN: UNAVAILABLE, FailureKind.REJECTED: UNAUTHORIZED}

    async def failing(fault: NoticeFault, kind: FailureKind | None) -> None:
        system = simulator()
        within_s = 1.5 if fault in HANGING else 20.0
        async with system.serving(), writing(adapter, system, file) as target:
            system.fail(fault, only=(step,))
            if kind is None:
                await target.send(call())
            else:
                if step == "token":  # a question, which sends nothing; and what it refuses no row of ours can mend
                    kind = refused.get(kind, kind)
                with pytest.raises(DeliveryFailed) as failed:
                    await target.send(call(within_s=within_s))
                assert failed.value.kind is kind, fault
            system.heal()
            await target.send(call(attempt=2))
            assert sorted(one.to for one in system.delivered) == reached, fault

    await hanging_apart(failing, kinds)


def notice(to: Any, **more: Any) -> dict[str, Any]:
    """Write one notice of an assignment, by the target `it`."""
    return {"events": ["TicketAssigned"], "to": to, "by": "it", **more}


def notices(*some: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Write a notices file."""
    return {"people": dict(PEOPLE), "lead": ["刘组长"], "notices": list(some), **more}


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="notices-"))


def written(content: Mapping[str, Any], name: str = "notices") -> str:
    """Write the file into a folder of this process; its path."""
    path = _folder() / f"{name}-{abs(hash(yaml.safe_dump(content)))}.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return str(path)


class Clock:
    """A clock that stands still until it is moved; a simulator's goes by `seconds`."""

    def __init__(self, at: datetime = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()


def call(event: Event = ASSIGNED, *, version: int = 2, within_s: float = 30.0, **more: Any) -> Call:
    """Make a call of an event that follows the opening of the suite's ticket."""
    recorded = replace(suite._recorded(2, event), event_id=EventId(UUID(int=version)), version=version)
    made = Call(
        event=recorded,
        key=delivery_key(recorded.event_id, "it"),
        attempt=1,
        within_s=within_s,
        traceparent=traceparent(recorded.trace_id, recorded.event_id),
    )
    return replace(made, **more)


async def ticket_of(call: Call) -> Ticket:
    """Give the ticket as a call left it."""
    return await suite.services().ticket_at(replace(call, event=replace(call.event, version=2)))


@asynccontextmanager
async def writing(
    adapter: TargetAdapter[Any],
    system: NoticeSimulator,
    file: Mapping[str, Any],
    *,
    recipients: Recipients | None = None,
    now: Clock | None = None,
    **own: Any,
) -> AsyncIterator[Target]:
    """Build a channel's target for the length of a block."""
    options = adapter.options.model_validate({**system.target_options(written(file)), **own})
    secrets = EnvironmentSecrets(environment=dict(system.variables), where="targets.it.options")
    lent = suite.services()
    services = TargetServices(
        name="it", ticket_at=ticket_of, now=now or lent.now, recipients=recipients or RecipientsInMemory()
    )
    target = adapter.build(options, secrets, services)
    try:
        yield target
    finally:
        await target.close()
