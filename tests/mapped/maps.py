"""A map for tests, in the shape of Zendesk's webhooks, with what is sent under it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from adapters.mapped.read_map import read_map
from adapters.mapped.source import MappedSource

NOW: Final = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
SECRET: Final = "a-secret-of-more-than-16"
CONTENT: Final = """
source: desk
proof:
  kind: hmac
  secrets: [DESK_SECRET]
  header: X-Desk-Signature
  encoding: base64
  signed: "{timestamp}{body}"
  timestamp: {header: x-desk-time, format: rfc3339}
delivery_id: {field: id}
number: detail.id
at: time
actor: detail.agent
missing: ["-"]
words:
  priorities: {URGENT: 紧急, NORMAL: 中, LOW: 低}
commands:
  - command: open-ticket
    when: "type == 'ticket.created'"
    fields:
      incident_key: {kind: {value: serial}, value: detail.serial}
      title: detail.subject
      type: {value: hardware_fault}
      priority: {from: detail.priority, words: priorities, default: 中}
      customer: {name: detail.requester.name, phone: detail.requester.phone}
      skills: detail.tags
      opened_at: detail.created_at
  - command: note
    when: "type == 'ticket.comment'"
    fields: {text: "join(': ', [not_null(detail.agent, ''), comment.body])"}
otherwise: pass-over
"""


def created(**detail: Any) -> dict[str, Any]:
    """Give a document that opens a ticket."""
    own = {"id": 5158, "serial": "SN-1", "subject": "水泵不转", "priority": "NORMAL", "agent": "王强", **detail}
    return {"id": "d-1", "type": "ticket.created", "time": "2026-11-22T01:29:00Z", "detail": own}


def comment(body: str = "客户又来电") -> dict[str, Any]:
    """Give a document that is a note."""
    return {
        "id": "d-2",
        "type": "ticket.comment",
        "time": "2026-11-22T01:29:30Z",
        "detail": {"id": 5158},
        "comment": {"body": body},
    }


def body_of(document: Any) -> bytes:
    """Spell a document as its source sends it."""
    return json.dumps(document, ensure_ascii=False).encode()


def signed(body: bytes, at: datetime = NOW, secret: str = SECRET) -> Mapping[str, str]:
    """Give the headers of a delivery."""
    time = at.isoformat()
    digest = hmac.new(secret.encode(), time.encode() + body, hashlib.sha256).digest()
    return {"x-desk-time": time, "x-desk-signature": base64.b64encode(digest).decode()}


def desk(content: str = CONTENT, version: int = 1) -> MappedSource:
    """Make the source."""
    return MappedSource(read_map(content), version, {"DESK_SECRET": SECRET})
