"""What goes wrong as RFC 9457 problem+json: one shape, stable codes, Chinese and English, never a stack trace."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from bus.domain.errors import (
    ArchiveUnreadable,
    BusError,
    CommandRefused,
    IntakeStopped,
    MalformedInput,
    Refusal,
    Transient,
)
from bus.domain.text import Text

RETRY_AFTER_S = 5
FLOOR_RETRY_AFTER_S = 30  # a disk is not emptied in a moment
OURSELVES = "service"
"""The field of what is no fault of the caller's: nothing that was sent need be changed."""

TEXT_CHARS_MAX = 1000  # who sent a long name knows it; nobody gets a body back that is larger than what was sent
_TITLES: Mapping[int, str] = {
    400: "请求有误 / Malformed request",
    401: "未通过认证 / Not authenticated",
    403: "无权限 / Not allowed",
    404: "不存在 / Not found",
    405: "方法不允许 / Method not allowed",
    408: "请求超时 / Request timed out",
    410: "已失效 / Gone",
    409: "与当前状态冲突 / Conflict with the current state",
    413: "请求过大 / Request too large",
    415: "不支持的内容类型 / Unsupported content type",
    422: "被拒绝 / Refused",
    426: "须升级为 WebSocket / WebSocket required",
    431: "请求头过大 / Request head too large",
    429: "过于频繁 / Too many",
    500: "内部错误 / Internal error",
    503: "暂不可用 / Unavailable for now",
    507: "存储空间不足 / Insufficient storage",
}
_TITLES_OF_CODES: Mapping[str, str] = {
    "content_encoding": "不支持的内容编码 / Unsupported content encoding",  # 415 as well
}
_UNAVAILABLE = Text(
    "系统暂时无法受理,请稍后重试,有幂等键的用同一个", "not now; retry later, with the same key if there is one"
)
_INTERNAL = Text("内部错误,请把 trace_id 告诉运维", "an error of ours; give the trace id to the operators")
_REFUSED_AS: Mapping[str, int] = {
    "not_allowed": 403,
    "not_yours": 403,
    "no_such_ticket": 404,
    "not_now": 409,
    "already": 409,
    "handed_over": 409,
    "personal_data_erased": 409,
}


class HttpProblem(BusError):
    """An answer that HTTP itself asks for: who are you, too much, not here."""

    def __init__(
        self,
        status: int,
        code: str,
        field: str,
        text: Text,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> None:
        """Keep the sentence; `context` holds plain values for machines."""
        super().__init__(f"{status} {code} ({field}): {text.en}")
        self.status, self.code, self.field, self.text = status, code, field, text
        self.headers, self.context = dict(headers or {}), context


def body_of(error: BusError, trace_id: str) -> dict[str, Any]:
    """Give the problem's members, as HTTP and the stream both send them. Pure."""
    status = status_of(error)
    code, field, text = _described(error)
    return {
        **(error.context if isinstance(error, HttpProblem | Refusal) else {}),
        "type": f"urn:ticketbus:problem:{code}",
        "title": _TITLES_OF_CODES.get(code) or _TITLES.get(status, "错误 / Error"),
        "status": status,
        "code": code,
        "field": _clipped(field),
        "detail": _clipped(text.zh),
        "detail_en": _clipped(text.en),
        "trace_id": trace_id,
    }


def status_of(error: BusError) -> int:
    """Choose the status by the class, and for refusals by the code. Pure."""
    match error:
        case HttpProblem(status=status):
            return status
        case CommandRefused(code=code):
            return _REFUSED_AS.get(code, 422)
        case MalformedInput():
            return 400
        case Transient():
            return 503
        case _:
            return 500


def problem(error: BusError, trace_id: str) -> Response:
    """Answer with a problem. Pure."""
    status = status_of(error)
    headers = dict(error.headers) if isinstance(error, HttpProblem) else {}
    if status == 503:
        seconds = FLOOR_RETRY_AFTER_S if isinstance(error, IntakeStopped) else RETRY_AFTER_S
        headers.setdefault("Retry-After", str(seconds))
    content = body_of(error, trace_id)
    if "ticket_trace_id" in content:
        headers["Ticket-Trace-Id"] = content["ticket_trace_id"]
    return Response(_json(content), status, headers, "application/problem+json")


def internal(trace_id: str) -> Response:
    """Answer 500 with the trace id, which leads to the log, and nothing else."""
    return problem(BusError(), trace_id)


def _described(error: BusError) -> tuple[str, str, Text]:
    """Give code, field and sentence."""
    match error:
        case HttpProblem() | Refusal():
            return error.code, error.field, error.text
        case IntakeStopped(text=text):
            return "disk_floor", OURSELVES, text
        case ArchiveUnreadable(text=text):
            return "archive_unreadable", OURSELVES, text
        case Transient():
            return "unavailable", OURSELVES, _UNAVAILABLE
        case _:
            return "internal", OURSELVES, _INTERNAL


def _clipped(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[:TEXT_CHARS_MAX]}…"


def _json(content: Mapping[str, Any]) -> bytes:
    return orjson.dumps(content, default=str)
