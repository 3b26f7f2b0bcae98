"""Signed webhooks as a load: of the CRM's own form, and of Zendesk's, which the shipped map reads."""

import asyncio
import base64
import hashlib
import hmac
import json
import sys
from datetime import UTC, datetime
from typing import Final

import uvloop

from adapters.webhook_signature import secret, sign
from bench.http_load import Load, drive
from tests.bus_under_test import WEBHOOK_SECRET

ZENDESK_SECRET: Final = "a-secret-of-the-bench"  # noqa: S105 - made up for a bus that lives for a minute
_HEAD: Final = "POST /v1/sources/%s/webhook HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
_KEY: Final = secret(WEBHOOK_SECRET)


class CrmLoad(Load):
    """Tickets that the CRM opens, signed as Standard Webhooks."""

    def request(self) -> bytes:
        """Make the next opening."""
        self.sent += 1
        name, now = f"{self.mark}-{self.sent}", datetime.now(UTC)
        data = {
            "source_no": name,
            "incident_key": {"kind": "order", "value": f"crm-{name}"},
            "title": "水泵不转",
            "description": "三号机组水泵不转,有焦味。",
            "type": "it_incident",
            "priority": "高",
            "skills": ["pump", "site-3"],
            "opened_at": now.isoformat(),
        }
        body = json.dumps({"type": "ticket.created", "timestamp": now.isoformat(), "data": data}).encode()
        return _framed("crm", self.host, sign(_KEY, name, now, body), body)


class ZendeskLoad(Load):
    """The same tickets as Zendesk sends them, signed as it signs."""

    def request(self) -> bytes:
        """Make the next opening."""
        self.sent += 1
        name, now = f"{self.mark}-{self.sent}", datetime.now(UTC)
        time = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        detail = {
            "actor_id": "8447388090494",
            "assignee_id": "8447388090494",
            "brand_id": "8447346621310",
            "created_at": time,
            "custom_status": "8447320465790",
            "description": "三号机组水泵不转,有焦味。",
            "external_id": None,
            "form_id": "8646151517822",
            "group_id": "8447320466430",
            "id": name,
            "is_public": True,
            "organization_id": "8447346622462",
            "priority": "HIGH",
            "requester_id": "8447388090494",
            "status": "OPEN",
            "subject": "水泵不转",
            "submitter_id": "8447388090494",
            "tags": ["pump", "site-3"],
            "type": "INCIDENT",
            "updated_at": time,
            "via": {"channel": "web_service"},
        }
        document = {
            "account_id": 22129848,
            "detail": detail,
            "event": {"meta": {"sequence": {"id": name, "position": 1}}},
            "id": name,
            "subject": f"zen:ticket:{name}",
            "time": time,
            "type": "zen:event-type:ticket.created",
            "zendesk_event_version": "2022-11-06",
        }
        body = json.dumps(document).encode()
        digest = hmac.new(ZENDESK_SECRET.encode(), time.encode() + body, hashlib.sha256).digest()
        headers = {
            "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
            "x-zendesk-webhook-signature-timestamp": time,
        }
        return _framed("zendesk", self.host, headers, body)


def _framed(source: str, host: bytes, headers: dict[str, str], body: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{_HEAD % (source, host.decode())}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


KINDS: Final = {"crm": CrmLoad, "zendesk": ZendeskLoad}

if __name__ == "__main__":
    url, name, mark, clients, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(drive(url, "", mark=mark, clients=int(clients), seconds=float(seconds), kind=KINDS[name]))
    print(json.dumps(seen))
