"""A CRM's other half: webhooks that it signs and sends to a gateway when it is asked to, and what was answered.

A ticket that one creates stands in the CRM's own list, whatever became of the webhook.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Self

import httpx2
import orjson

from adapters import webhook_signature as signature
from adapters.simulators.patient_client import client
from adapters.simulators.ticket_list import TicketList
from bus.domain.text import Text

TIMES_MAX: Final = 100
FAULTS: Final[Mapping[str, str]] = {
    "wrong-signature": "signed with another secret",
    "stale": "signed an hour ago",
    "lost": "lost on the way, as behind a proxy that answers 500; the CRM does not try again",
}
_FORM: Final = '{"type": "ticket.created", "data": {…}, "id": "msg_1", "times": 2, "fault": "wrong-signature"}'


class _Asked(NamedTuple):
    delivery_id: str
    body: bytes
    times: int
    fault: str


class WebhookSender:
    """Speaks to one gateway, an attempt a call: it does not send again by itself. Use it as a context manager."""

    def __init__(
        self, url: str, secret: str, *, source: str = "crm", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Sign with `secret` (`whsec_…`). `seen` is told each delivery's id and type, and what came back."""
        self._path = f"/v1/sources/{source}/webhook"
        self._key = signature.secret(secret, where="the secret of the CRM's webhooks")
        self._now = now
        self._http = client(url, {"content-type": "application/json"})
        self.seen: Callable[[str, str], None] | None = None
        self.tickets: TicketList | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def answer(self, method: str, body: bytes) -> tuple[int, bytes]:
        """Send what a `POST` asks for, so often, and answer with what the gateway answered each time. Total."""
        asked = self._asked(body) if method == "POST" else None
        if asked is None:
            detail = str(Text(f"请求应为 {_FORM}", f"send {_FORM}"))
            return 400, orjson.dumps({"detail": detail, "faults": FAULTS})
        answers = [await self._send(asked) for _ in range(asked.times)]
        return 200, orjson.dumps({"id": asked.delivery_id, "answers": answers})

    def _asked(self, body: bytes) -> _Asked | None:
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        match request:
            case {"type": str(kind), "data": {**data}}:
                times, fault = request.get("times", 1), request.get("fault", "")
            case _:
                return None
        own_id = str(request.get("id") or f"msg_{uuid.uuid4().hex}")
        known = isinstance(times, int) and 1 <= times <= TIMES_MAX and (not fault or fault in FAULTS)
        if not (known and own_id.isascii() and own_id.isprintable()):
            return None
        at = str(request.get("timestamp") or self._now().isoformat())
        if self.tickets and kind == "ticket.created":
            self.tickets.keep(data, at)
        return _Asked(own_id, orjson.dumps({"type": kind, "timestamp": at, "data": data}), times, fault)

    async def _send(self, asked: _Asked) -> Mapping[str, Any]:
        if asked.fault == "lost":
            return self._seen(asked, {"status": 500, "answer": None})
        key = signature.Secret(b"of somebody else's making") if asked.fault == "wrong-signature" else self._key
        at = self._now() - (timedelta(hours=1) if asked.fault == "stale" else timedelta(0))
        headers = signature.sign(key, asked.delivery_id, at, asked.body)
        try:
            response = await self._http.post(self._path, content=asked.body, headers=headers)
        except httpx2.TransportError as error:
            return self._seen(asked, {"status": None, "error": type(error).__name__})
        try:
            content = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            content = None
        return self._seen(asked, {"status": response.status_code, "answer": content})

    def _seen(self, asked: _Asked, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.seen:
            self.seen(asked.delivery_id, str(answer["status"] or answer["error"]))
        return answer
