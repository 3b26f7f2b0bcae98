"""A help desk as customers have one: sends an event webhook in the shape of Zendesk's, signed as Zendesk signs."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import uuid4

import orjson

from adapters.simulators.patient_client import ask, client, json_object

SOURCE: Final = "zendesk"
STRANGER: Final = 401  # what a source hears that no map has plugged in


class ZendeskSimulator:
    """Speaks to one gateway. Use it as an async context manager."""

    def __init__(self, url: str, secret: str) -> None:
        """Sign with `secret`, as it stands in the help desk's settings."""
        self._secret = secret.encode()
        self._http = client(url, {"content-type": "application/json"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def created(self, number: int, subject: str) -> tuple[int, Mapping[str, Any]]:
        """Send that a ticket was created; give the status and the answer. Raises NoAnswer."""
        now = datetime.now(UTC).isoformat()
        detail = {
            "id": str(number),
            "subject": subject,
            "description": "客户从帮助台报修",
            "type": "INCIDENT",
            "priority": "HIGH",
            "status": "NEW",
            "created_at": now,
        }
        event = {
            "id": str(uuid4()),
            "type": "zen:event-type:ticket.created",
            "time": now,
            "detail": detail,
            "event": {},
        }
        body = orjson.dumps(event)
        answer, _ = await ask(
            self._http,
            "POST",
            f"/v1/sources/{SOURCE}/webhook",
            body=body,
            headers=lambda: self._signed(body),
            pause_s=0.5,
        )
        return answer.status_code, json_object(answer)

    def _signed(self, body: bytes) -> Mapping[str, str]:
        at = datetime.now(UTC).isoformat()
        digest = hmac.new(self._secret, at.encode() + body, hashlib.sha256).digest()
        return {
            "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
            "x-zendesk-webhook-signature-timestamp": at,
        }
