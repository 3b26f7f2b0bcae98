"""One exchange with a system that says all in bodies: another status than 200, or a part of an answer, is a failure."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from adapters.answers.text import readable
from adapters.connection_failures import PROXY_LOGIN
from adapters.http_status import kind_of_status
from adapters.outbound_http import Deadline, HttpResponse, NoResponse, retry_after_s
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.observability.masking import MASK

_LONG: Final = 8
Looked = TypeVar("Looked")


@dataclass(slots=True, kw_only=True)
class Talk:
    """One call's talk with a system: when it ends, and whether it has had its new token."""

    trace_headers: dict[str, str]
    deadline: Deadline
    renewed: bool = False


def talk_of(call: Call) -> Talk:
    """Begin the talk of a call."""
    return Talk(trace_headers=call.trace_headers, deadline=Deadline.after(call.within_s))


def talk_of_probe(within_s: float) -> Talk:
    """Begin the talk of a probe."""
    return Talk(trace_headers={}, deadline=Deadline.after(within_s))


async def whole_answer(
    exchange: Awaitable[HttpResponse], step: str, *, changes: bool, now: Callable[[], datetime]
) -> HttpResponse:
    """Give an exchange's answer, if it came whole and with status 200. Raises DeliveryFailed."""
    try:
        heard = await exchange
    except NoResponse as failed:
        kind = _silence(changes) if failed.sent else FailureKind.UNREACHABLE
        raise DeliveryFailed(kind, f"{failed.detail} at {step}") from None
    if heard.status != 200:
        raise DeliveryFailed(
            kind_of_status(heard.status, changes=changes),
            f"HTTP {heard.status} at {step}" + (f", {PROXY_LOGIN}" if heard.status == 407 else ""),
            status=heard.status,
            message=readable(heard.body),
            retry_after_s=retry_after_s(heard.headers, now()),
        )
    if heard.cut:
        raise unbelieved(heard, step, heard.cut, changes=changes)
    return heard


def unbelieved(heard: HttpResponse, step: str, why: str, *, changes: bool) -> DeliveryFailed:
    """Give the failure of an answer that is not to be believed."""
    return DeliveryFailed(_silence(changes), f"{why} at {step}", status=heard.status, message=readable(heard.body))


def _silence(changes: bool) -> FailureKind:
    """Give the kind of a request that left and brought no answer to be believed."""
    return FailureKind.UNKNOWN if changes else FailureKind.UNAVAILABLE


async def after_change(look: Awaitable[Looked]) -> Looked:
    """Look what came of a change. Raises DeliveryFailed: that the look failed says nothing of the change."""
    try:
        return await look
    except DeliveryFailed as failure:
        raise DeliveryFailed(
            FailureKind.UNKNOWN,
            failure.detail,
            status=failure.status,
            code=failure.code,
            message=failure.message,
            retry_after_s=failure.retry_after_s,
        ) from None


def masked(failure: DeliveryFailed, *secrets: str) -> DeliveryFailed:
    """Take secrets of ours out of the other side's words; a short one, such as 001, where it stands by itself."""
    for secret in filter(None, secrets):
        alone = re.escape(secret) if len(secret) >= _LONG else rf"(?<!\w){re.escape(secret)}(?!\w)"
        failure.message = re.sub(alone, MASK, failure.message)
    return failure
