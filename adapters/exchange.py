"""One exchange with a system that says all in bodies: another status than 200, or a part of an answer, is a failure.

Secrets are taken out of its words, and what a failure says of a change or a login is told apart here, too.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from adapters.answers.text import readable
from adapters.connection_failures import PROXY_LOGIN
from adapters.http_status import kind_of_status
from adapters.outbound_http import Deadline, HttpResponse, NoResponse, retry_after_s
from adapters.shared_login import HeldSession, SessionT
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.text import Text
from bus.observability.masking import MASK

_LONG: Final = 8
Looked = TypeVar("Looked")
Answer = TypeVar("Answer")


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
    answer = await any_answer(exchange, step, changes=changes)
    if answer.status != 200:
        raise status_failure(answer, step, changes=changes, now=now)
    if answer.cut:
        raise unbelieved(answer, step, answer.cut, changes=changes)
    return answer


async def any_answer(exchange: Awaitable[HttpResponse], step: str, *, changes: bool) -> HttpResponse:
    """Give an exchange's answer, whatever it is. Raises DeliveryFailed where none came."""
    try:
        return await exchange
    except NoResponse as failed:
        kind = FailureKind.UNKNOWN.of(changes=changes) if failed.sent else FailureKind.UNREACHABLE
        raise DeliveryFailed(kind, f"{failed.detail} at {step}") from None


def status_failure(
    answer: HttpResponse,
    step: str,
    *,
    changes: bool,
    now: Callable[[], datetime],
    of: type[DeliveryFailed] = DeliveryFailed,
) -> DeliveryFailed:
    """Give the failure of a status that is no success."""
    return of(
        kind_of_status(answer.status, changes=changes),
        f"HTTP {answer.status} at {step}" + (f", {PROXY_LOGIN}" if answer.status == 407 else ""),
        status=answer.status,
        message=readable(answer.body),
        retry_after_s=retry_after_s(answer.headers, now()),
    )


def unbelieved(answer: HttpResponse, step: str, why: str | Text, *, changes: bool) -> DeliveryFailed:
    """Give the failure of an answer that is not to be believed: a change may have been made."""
    kind = FailureKind.UNKNOWN.of(changes=changes)
    return DeliveryFailed(kind, f"{why} at {step}", status=answer.status, message=readable(answer.body))


class SessionLost(DeliveryFailed):
    """A refusal of the session or token, before anything was done; its kind counts if a new one changes nothing."""


async def in_session(
    talk: Talk,
    session: Callable[[int], Awaitable[HeldSession[SessionT]]],
    ask: Callable[[SessionT], Awaitable[Answer]],
) -> Answer:
    """Ask in a session; once in a talk again in a new one, where it is lost. Raises DeliveryFailed.

    `session` gives the one that is held, or a new one if that is the one of the number given.
    """
    held = await session(0)
    try:
        return await ask(held.session)
    except SessionLost:
        if talk.renewed:
            raise
        talk.renewed = True
    held = await session(held.number)
    return await ask(held.session)


async def after_change(look: Awaitable[Looked]) -> Looked:
    """Look what came of a change. Raises DeliveryFailed: that the look failed says nothing of the change."""
    try:
        return await look
    except DeliveryFailed as failure:
        raise failure.again(kind=FailureKind.UNKNOWN) from None


def of_login(failure: DeliveryFailed) -> DeliveryFailed:
    """Give the failure of a login: no row of ours can mend a refusal, which is the same for every call."""
    return failure.again(kind=FailureKind.UNAUTHORIZED) if failure.kind is FailureKind.REJECTED else failure


def masked(failure: DeliveryFailed, *secrets: str) -> DeliveryFailed:
    """Take secrets of ours out of the other side's words; a short one, such as 001, where it stands by itself."""
    for secret in filter(None, secrets):
        alone = re.escape(secret) if len(secret) >= _LONG else rf"(?a:(?<!\w){re.escape(secret)}(?!\w))"
        failure.message = re.sub(alone, MASK, failure.message)
    return failure
