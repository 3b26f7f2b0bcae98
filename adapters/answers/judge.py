"""The meaning of an HTTP response to a webhook: done, or a failure with its kind. Pure; docs/answers.md."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, assert_never

import orjson

from adapters.answers.body import read_body
from adapters.answers.fields import AnswerRule
from adapters.answers.text import charset, decoded, readable
from adapters.answers.words import AskedWait, Meaning, asks_to_wait
from adapters.connection_failures import PROXY_LOGIN
from adapters.outbound_http import HttpResponse, retry_after_s
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

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
# Codes in an HTTP 200 that are more than "failed": those of 纷享销客 for a secret or a token that it does not take, and
# statuses of HTTP that no vendor has for anything else.
_BY_CODE: Final[Mapping[str, FailureKind]] = {
    "10006": FailureKind.UNAUTHORIZED,
    "20016": FailureKind.UNAUTHORIZED,
    "20017": FailureKind.UNAUTHORIZED,
    **{str(status): _BY_STATUS[status] for status in (429, 502, 503)},
}
# Statuses inside an answer, of a call or of one in a batch, that pass by themselves, as they do outside; a 404 there is
# a record's and not the endpoint's.
_PASSING: Final = frozenset({408, 409, 423, 425, 429, 502, 503, 507})
# What the words of a refusal in an HTTP 200 ask for.
_BY_WORDS: Final[Mapping[AskedWait, FailureKind]] = {
    AskedWait.BUSY: FailureKind.UNAVAILABLE,
    AskedWait.SLOWER: FailureKind.THROTTLED,
}
USUAL: Final = AnswerRule()
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}|-?[0-9]{1,8}")  # too short for a phone, no room for a sentence


_FAILED_IN_WORDS: Final = Text("应答文本表示失败", "the text of its answer tells of a failure")
_NOT_WHOLE: Final = Text("应答在中途断开", "its answer is not whole")
_PACKED: Final = Text("应答为压缩内容", "its answer is packed")
_NO_ANSWER: Final = Text("应答是网页、残缺的 JSON 或过长的文本", "its answer is a page, broken JSON or endless text")
_NOTHING_SAYS_DONE: Final = Text("应答中没有表示成功的字段", "no field of its answer says that it is done")


def judge(answer: HttpResponse, now: datetime, rule: AnswerRule = USUAL) -> None:
    """Judge an answer: return on success, or raise DeliveryFailed. Total."""
    wait_s = retry_after_s(answer.headers, now)
    if not 200 <= answer.status < 300:
        kind = _BY_STATUS.get(answer.status) or _by_class(answer.status)
        why = PROXY_LOGIN if answer.status == 407 else None
        raise failure_of(kind, why, answer, wait_s=wait_s, code=read_body(answer, USUAL).code)
    if rule.status_alone:
        return
    if answer.cut and not answer.longer:
        raise failure_of(FailureKind.UNKNOWN, _NOT_WHOLE, answer)
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise failure_of(FailureKind.UNKNOWN, _PACKED, answer)
    verdict = read_body(answer, rule)
    match verdict.meaning:
        case Meaning.DONE:
            return
        case Meaning.UNCLEAR:
            if not rule.unclear_is_done:
                raise failure_of(FailureKind.UNKNOWN, _NOTHING_SAYS_DONE, answer)
        case Meaning.UNREADABLE:
            raise failure_of(FailureKind.UNKNOWN, _NO_ANSWER, answer)
        case Meaning.FAILED:
            kind = _BY_CODE.get(verdict.code) or _by_statuses(verdict.statuses) or _by_words(verdict.words)
            if wait_s is None:
                wait_s = retry_after_s({"retry-after": verdict.retry_after}, now)
            where = Text(f"应答中 {verdict.field} 表示失败", f"{verdict.field} in its answer tells of a failure")
            why = where if verdict.field else _FAILED_IN_WORDS
            raise failure_of(kind, why, answer, wait_s=wait_s, code=verdict.code)
        case _ as unknown:
            assert_never(unknown)


def _words(answer: HttpResponse) -> str:
    return readable(answer.body, charset(answer.headers.get("content-type", ""), answer.body))


def _by_class(status: int) -> FailureKind:
    if 300 <= status < 400:
        return FailureKind.UNAVAILABLE  # signed bodies go where they were meant to go, not where an answer points
    return FailureKind.REJECTED if 400 <= status < 500 else FailureKind.UNKNOWN


def _by_statuses(statuses: Collection[int]) -> FailureKind | None:
    """Give the kind where all that failed in a batch may be sent again; the slower one, where they differ."""
    if not statuses or not _PASSING.issuperset(statuses):
        return None
    return FailureKind.THROTTLED if 429 in statuses else FailureKind.UNAVAILABLE


def _by_words(words: str) -> FailureKind:
    wait = asks_to_wait(words)
    return FailureKind.UNKNOWN if wait is None else _BY_WORDS[wait]


def failure_of(
    kind: FailureKind, why: Text | None, answer: HttpResponse, *, wait_s: float | None = None, code: str = ""
) -> DeliveryFailed:
    """Make the failure; its code is the other side's where it has the form of one: a text may name people."""
    shown = code if _CODE.fullmatch(code) else ""
    also = f": {answer.cut}" if answer.cut else ""
    detail = f"HTTP {answer.status}{also}" + (f", {why}" if why else "")
    words = _words(answer)
    return DeliveryFailed(kind, detail, status=answer.status, code=shown, message=words, retry_after_s=wait_s)


def of_question(failure: DeliveryFailed) -> DeliveryFailed:
    """Give the failure of what changes nothing: where nobody knows what was done, nothing was."""
    return failure.again(kind=failure.kind.of(changes=False))


def content_of(answer: HttpResponse) -> Any:
    """Give the JSON of a body, else its text; None where it did not come whole."""
    if answer.cut or answer.longer:
        return None
    text = decoded(answer.body, charset(answer.headers.get("content-type", ""), answer.body))
    try:
        return orjson.loads(text.lstrip("\ufeff"))
    except orjson.JSONDecodeError:
        return text
