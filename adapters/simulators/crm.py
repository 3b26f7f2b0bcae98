"""A CRM as customers have one: sends signed webhooks, retries what failed, and keeps its own list of tickets."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import orjson

from adapters import webhook_signature as signature
from adapters.simulators.patient_client import NoAnswer, ask, client, json_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One delivery: its id stays the same however often it is sent."""

    delivery_id: str
    source_no: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the bus answered, and after how many attempts."""

    status: int
    answer: Mapping[str, Any]
    trace_id: str
    attempts: int

    @property
    def taken(self) -> bool:
        """Say whether the bus has it: done, or accepted for later."""
        return self.status < 300

    @property
    def result(self) -> Mapping[str, Any]:
        """Give what the delivery's command came to; nothing while it waits or when it was refused."""
        return next(iter(self.answer.get("results", ())), {}) if self.taken else {}


@dataclass(slots=True, kw_only=True)
class Case:
    """A ticket in the CRM's own list; `ticket_id` is the bus's number once known."""

    source_no: str
    created_at: datetime
    ticket_id: str = ""
    undelivered: list[Message] = field(default_factory=list)


class Crm:
    """Speaks to one gateway. Use it as an async context manager."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        source: str = "crm",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause_s: float = 0.5,
    ) -> None:
        """Sign with `secret` (`whsec_…`); `pause_s` is the shortest pause before a retry."""
        self.cases: dict[str, Case] = {}
        self._path = f"/v1/sources/{source}/webhook"
        self._secret = signature.secret(secret, where="the CRM's secret")
        self._now = now
        self._pause_s = pause_s
        self._http = client(url, {"content-type": "application/json"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    def message(self, kind: str, source_no: str, **data: Any) -> Message:
        """Write a delivery down without sending it: it may be sent late, twice, or in another order than written."""
        at = self._now()
        self.cases.setdefault(source_no, Case(source_no=source_no, created_at=at))
        envelope = {"type": kind, "timestamp": at.isoformat(), "data": {"source_no": source_no, **data}}
        return Message(delivery_id=f"msg_{uuid.uuid4().hex}", source_no=source_no, body=orjson.dumps(envelope))

    async def tell(self, kind: str, source_no: str, **data: Any) -> Receipt:
        """Write a delivery and send it. Raises NoAnswer."""
        return await self.send(self.message(kind, source_no, **data))

    async def send(self, message: Message) -> Receipt:
        """Send until the bus answers with anything but 5xx, each attempt signed anew under the same id.

        Idempotent at the bus. Raises NoAnswer; the case then lists the message as undelivered.
        """
        case = self.cases[message.source_no]
        try:
            answer, attempts = await ask(
                self._http,
                "POST",
                self._path,
                body=message.body,
                headers=lambda: signature.sign(self._secret, message.delivery_id, self._now(), message.body),
                pause_s=self._pause_s,
            )
        except NoAnswer:
            case.undelivered.append(message)
            raise
        receipt = Receipt(
            status=answer.status_code,
            answer=json_object(answer),
            trace_id=answer.headers.get("ticket-trace-id", ""),
            attempts=attempts,
        )
        case.ticket_id = case.ticket_id or str(receipt.result.get("ticket_id", ""))
        return receipt
