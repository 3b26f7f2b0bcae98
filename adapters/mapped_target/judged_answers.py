"""What an answer is by a target's map: done, found, a failure of a kind; what is left as to any webhook. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from adapters.answers.body import read_body
from adapters.answers.judge import USUAL, content_of, failure_of, judge, of_question
from adapters.mapped_target.options import ConfirmMap, Criterion, FailureRule
from adapters.outbound_http import HttpResponse, retry_after_s
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.errors import MalformedInput
from bus.domain.text import Text

ANSWER: Final = "answer"
_NOT_DONE: Final = Text("应答不符合 success", "its answer is not what `success` says")
_NEITHER: Final = Text("应答既不符合 found,也不符合 not_found", "its answer is neither `found` nor `not_found`")


def with_answer(document: dict[str, Any], answer: HttpResponse) -> dict[str, Any]:
    """Give the document of a call with what came: `answer`, `status` and `headers`."""
    return {**document, ANSWER: content_of(answer), "status": answer.status, "headers": dict(answer.headers)}


def judge_sent(
    answer: HttpResponse,
    document: dict[str, Any],
    *,
    success: Criterion | None,
    failures: Sequence[tuple[str, FailureRule]],
    now: datetime,
) -> None:
    """Judge the answer to a request: return on success, or raise DeliveryFailed.

    `failures`: each with its place in the map, the first that fits counts. Then `success`; an answer that it does not
    fit is judged as that to any webhook, and what would be done by that is unknown. Total.
    """
    _refuse(answer, document, failures, now)
    if success is None:
        return judge(answer, now)
    if success.when is None and success.status is not None and answer.status in success.status:
        return judge(answer, now) if 200 <= answer.status < 300 else None
    if success.when is not None and _fits(success, answer, document):
        return None
    judge(answer, now)
    raise _failure(FailureKind.UNKNOWN, _NOT_DONE, answer, now)


def judge_confirmed(
    answer: HttpResponse,
    document: dict[str, Any],
    *,
    confirm: ConfirmMap,
    failures: Sequence[tuple[str, FailureRule]],
    now: datetime,
) -> bool:
    """Judge the answer to a question: found or not. Raises DeliveryFailed; a question has changed nothing. Total."""
    try:
        _refuse(answer, document, failures, now)
        if not (answer.cut or answer.longer):
            if _fits(confirm.found, answer, document):
                return True
            if _fits(confirm.not_found, answer, document):
                return False
        judge(answer, now)
    except DeliveryFailed as failure:
        raise of_question(failure) from None
    raise _failure(FailureKind.UNAVAILABLE, _NEITHER, answer, now)


def _refuse(
    answer: HttpResponse, document: dict[str, Any], failures: Sequence[tuple[str, FailureRule]], now: datetime
) -> None:
    for place, rule in failures:
        if _fits(rule, answer, document, any_status=True):
            why = Text(f"符合 {place}", f"it is {place}")
            raise _failure(FailureKind(rule.kind), why, answer, now)


def _failure(kind: FailureKind, why: Text, answer: HttpResponse, now: datetime) -> DeliveryFailed:
    wait_s = retry_after_s(answer.headers, now)
    return failure_of(kind, why, answer, wait_s=wait_s, code=read_body(answer, USUAL).code)


def _fits(rule: Criterion, answer: HttpResponse, document: dict[str, Any], *, any_status: bool = False) -> bool:
    usual = any_status or 200 <= answer.status < 300
    if not (usual if rule.status is None else answer.status in rule.status):
        return False
    if rule.when is None:
        return True
    try:
        return document[ANSWER] is not None and rule.when.holds(document)
    except MalformedInput:  # a function of it takes no such value: then it does not hold
        return False
