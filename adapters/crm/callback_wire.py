"""The body of a status callback to a CRM, and the meaning of its HTTP response. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from adapters.outbound_http import HttpResponse, retry_after_s
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.events import Recorded
from bus.domain.naming import dotted
from bus.domain.ticket import Ticket
from bus.wire.codec import plain

# Statuses that speak of the endpoint, not of the event: whoever mends them, mends them for every call.
_BY_STATUS: Final[Mapping[int, FailureKind]] = {
    401: FailureKind.UNAUTHORIZED,
    403: FailureKind.UNAUTHORIZED,
    407: FailureKind.UNAUTHORIZED,
    404: FailureKind.UNAVAILABLE,
    405: FailureKind.UNAVAILABLE,
    408: FailureKind.UNAVAILABLE,  # the request did not arrive whole
    409: FailureKind.UNAVAILABLE,  # the same delivery is being decided there, or the record is in use: not done
    410: FailureKind.GONE,  # Standard Webhooks: the receiver wants no more of them
    421: FailureKind.UNAVAILABLE,
    423: FailureKind.UNAVAILABLE,  # somebody has the record open
    425: FailureKind.UNAVAILABLE,
    429: FailureKind.THROTTLED,
    502: FailureKind.UNAVAILABLE,
    503: FailureKind.UNAVAILABLE,
    507: FailureKind.UNAVAILABLE,  # its disk is full
}
# Codes in an HTTP 200 that are more than "failed": those of 纷享销客 for a secret or a token that it does not take.
_BY_CODE: Final[Mapping[str, FailureKind]] = {
    "10006": FailureKind.UNAUTHORIZED,
    "20016": FailureKind.UNAUTHORIZED,
    "20017": FailureKind.UNAUTHORIZED,
}
_CODE_FIELDS: Final = ("errorCode", "errcode", "code")
_FINE: Final = re.compile(r"|0|2[0-9]{2}|ok|success", re.IGNORECASE)
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}|-?[0-9]{1,8}")  # too short for a phone, no room for a sentence


def status_body(recorded: Recorded, ticket: Ticket) -> bytes:
    """Write the callback: the event's own fields in clear, and `ticket` as the event left it. Stable over attempts."""
    return orjson.dumps(
        {
            "type": dotted(type(recorded.event)),
            "timestamp": recorded.occurred_at,
            "data": {
                "ticket_id": recorded.ticket_id,
                "source": ticket.source,
                "source_no": ticket.source_no,
                "state": ticket.state,
                "substate": ticket.substate,
                "waiting_for": ticket.paused_for,
                "occurred_at": recorded.occurred_at,
                "version": recorded.version,
                "trace_id": recorded.trace_id,
                "actor": recorded.actor,
                "event": plain(recorded.event),
            },
        }
    )


def judge(answer: HttpResponse, now: datetime) -> None:
    """Judge an answer: return on success, or raise DeliveryFailed. Total."""
    code = _code(answer)
    if not 200 <= answer.status < 300:
        kind = _BY_STATUS.get(answer.status) or _by_class(answer.status)
        raise _failed(kind, f"HTTP {answer.status}", answer, code, retry_after_s(answer.headers, now))
    if answer.cut:
        raise _failed(FailureKind.UNKNOWN, f"its answer is not whole: {answer.cut}", answer)
    if not answer.body.strip():
        return
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "text/html" or answer.headers.get("content-encoding", "identity") != "identity":
        raise _failed(FailureKind.UNKNOWN, "a page or packed bytes where an answer should be", answer)
    reply = _object(answer.body)
    if reply is None and media.endswith("json"):
        raise _failed(FailureKind.UNKNOWN, "its answer is no JSON object", answer)
    if reply is not None and (reply.get("success") in (False, "false") or _bad_code(reply)):
        raise _failed(_BY_CODE.get(code, FailureKind.UNKNOWN), "HTTP 200 that tells of a failure", answer, code)


def _by_class(status: int) -> FailureKind:
    if 300 <= status < 400:
        return FailureKind.UNAVAILABLE  # signed bodies go where they were meant to go, not where an answer points
    return FailureKind.REJECTED if 400 <= status < 500 else FailureKind.UNKNOWN


def _failed(
    kind: FailureKind, detail: str, answer: HttpResponse, code: str = "", wait_s: float | None = None
) -> DeliveryFailed:
    return DeliveryFailed(kind, detail, status=answer.status, code=code, retry_after_s=wait_s)


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return read if isinstance(read, dict) else None


def _bad_code(reply: Mapping[str, Any]) -> str:
    """Give the first code that tells of a failure, or nothing."""
    given = (str(reply[name]).strip() for name in _CODE_FIELDS if reply.get(name) is not None)
    return next((code for code in given if not _FINE.fullmatch(code)), "")


def _code(answer: HttpResponse) -> str:
    """Give the other side's code where it has the form of one: it is logged, and a text may name people."""
    code = _bad_code(_object(answer.body) or {})
    return code if _CODE.fullmatch(code) else ""
