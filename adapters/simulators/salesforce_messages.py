"""Salesforce's other half: outbound messages of its records, in any order, and again until they are acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from random import Random
from typing import Any, Final, Self
from xml.sax.saxutils import escape

import httpx2

from adapters.simulators.fault_switches import FaultSwitches
from adapters.simulators.salesforce_org import SalesforceOrg

PAUSE_S_MIN, PAUSE_S_MAX = 0.2, 10.0
MOST: Final = 100  # notifications in a message
SESSION: Final = "00D000000000001!AQ.a-session-of-the-user-who-changed-it"
_HEADERS: Final = {"content-type": "text/xml; charset=UTF-8", "soapaction": '""'}
_ACK: Final = b"<Ack>true</Ack>"
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    '<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001EAA</OrganizationId>'
    f"<ActionId>04k000000000001AAA</ActionId><SessionId>{SESSION}</SessionId>"
    "<EnterpriseUrl>https://quan.my.salesforce.com/services/Soap/c/62.0/00D000000000001</EnterpriseUrl>"
    "<PartnerUrl>https://quan.my.salesforce.com/services/Soap/u/62.0/00D000000000001</PartnerUrl>"
)
_TAIL: Final = "</notifications></soapenv:Body></soapenv:Envelope>"
FIELDS: Final = (
    "CaseNumber", "CreatedDate", "Description", "LastModifiedDate", "Origin", "Priority", "Status", "Subject",
    "SuppliedName", "SuppliedPhone", "Type",
)  # fmt: skip


class MessageFault(StrEnum):
    """What can go wrong with a message on its way; Salesforce knows of none of it and sends again."""

    TWICE = "sent twice at once"
    ACK_LOST = "the answer is lost on the way"
    CUT = "half of the message arrives"
    GBK = "a proxy has changed the charset and says nothing of it"


@dataclass(slots=True, kw_only=True)
class OutboundMessages:
    """Sends to one address of a gateway; `queue` has each notification that was not acknowledged, with its record.

    A record is read when it is sent: what it was before is never told, and of one that is gone nothing is left. As a
    context manager it sends by itself; `seen` is told what each message came to, and how many notifications wait.
    """

    org: SalesforceOrg
    http: httpx2.AsyncClient
    address: str = field(repr=False)
    chance: Random = field(default_factory=Random)
    queue: dict[str, str] = field(default_factory=dict)
    faults: FaultSwitches[MessageFault] = field(default_factory=FaultSwitches)
    sent: int = 0
    seen: Callable[[str, int], None] | None = None
    _task: "asyncio.Task[None] | None" = None
    _numbers: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    def note(self, own: str) -> None:
        """Queue a notification of a record, as a flow does when it is created or changed."""
        self.queue[f"04l{self._numbers():012d}AAA"] = own

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sending())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.http.aclose()

    async def _sending(self) -> None:
        """Send what waits, as long as it is not acknowledged; the pause grows, as Salesforce's does to two hours."""
        pause_s = PAUSE_S_MIN
        while True:
            await asyncio.sleep(pause_s)
            if not self.queue:
                pause_s = PAUSE_S_MIN
                continue
            try:
                came = str(await self.send())
            except httpx2.TransportError as error:
                came = type(error).__name__
            pause_s = PAUSE_S_MIN if came == "200" else min(2 * pause_s, PAUSE_S_MAX)
            if self.seen:
                self.seen(came, len(self.queue))

    async def send(self, most: int = MOST) -> int:
        """Send a message with some of what waits, in any order; give the status of the answer."""
        chosen = self.chance.sample(sorted(self.queue), min(most, len(self.queue)))
        body, fault = self.message(chosen), self.faults.next_at("message")
        match fault:
            case MessageFault.CUT:
                body = body[: len(body) // 2]
            case MessageFault.GBK:
                body = body.decode().encode("gbk")
            case _:
                pass
        times = 2 if fault is MessageFault.TWICE else 1
        answers = await asyncio.gather(*(self._post(body) for _ in range(times)))
        self.sent += times
        if fault is not MessageFault.ACK_LOST and any(
            one.status_code == 200 and _ACK in one.content for one in answers
        ):
            for number in chosen:
                del self.queue[number]
        return answers[-1].status_code

    async def _post(self, body: bytes) -> httpx2.Response:
        return await self.http.post(self.address, content=body, headers=_HEADERS)

    def message(self, numbers: Sequence[str]) -> bytes:
        """Write the message of some notifications, each record as it is now."""
        return f"{_HEAD}{''.join(self._notification(one) for one in numbers)}{_TAIL}".encode()

    def _notification(self, number: str) -> str:
        own = self.queue[number]
        record = self.org.records.get(own, {})
        fields = "".join(_field(name, record.get(name)) for name in FIELDS) if record else ""
        return (
            f'<Notification><Id>{number}</Id><sObject xsi:type="sf:Case" '
            f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{own}</sf:Id>{fields}</sObject></Notification>'
        )


def _field(name: str, value: Any) -> str:
    return f'<sf:{name} xsi:nil="true"/>' if value is None else f"<sf:{name}>{escape(str(value))}</sf:{name}>"
