"""What an HTTP answer of SAP S/4 is to us: documents, a refusal by SAP's words, or a failure with its kind. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from adapters.answers.text import readable
from adapters.connection_failures import PROXY_LOGIN
from adapters.exchange import unbelieved
from adapters.http_status import kind_of_status
from adapters.outbound_http import HttpResponse, retry_after_s
from adapters.sap.answers import (
    MaterialDocument,
    SapMeaning,
    SapMessages,
    first_of,
    read_documents,
    read_error,
    read_header,
    read_posted,
)
from adapters.sap.words import says_csrf
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

CSRF_HEADER: Final = "x-csrf-token"
POST, LOOKUP = "goods issue", "look-up"
# With these SAP refuses; what other statuses bring may be another server's, or words beside a half-done thing.
_REFUSALS: Final = frozenset({400, 409, 412, 422, 428})
_NO_ANSWER: Final = Text("应答不是 SAP 的", "no answer of SAP")
_NO_DOCUMENT: Final = Text("应答称成功,却没有物料凭证号和年度", "a success without number and year of a document")
_OF_ANOTHER: Final = Text("应答是另一张凭证的", "the answer is about another document")
_FILTER_IGNORED: Final = Text("列表未按条件筛选", "the list was not filtered")
_REFUSED: Final = Text("SAP 未执行", "refused")
_CSRF_AGAIN: Final = Text(
    "新取的 CSRF 令牌也被拒绝:会话 Cookie 可能没有回到同一台服务器",
    "a new CSRF token is refused too: its session's cookies may not reach the same server",
)
_DELIVERY: Final = Text(
    "SAP 改建了外向交货单,请勿重发:该库存地点由仓库管理",
    "SAP made an outbound delivery instead, do not send again: the store has warehouse management",
)
_NOT_REPEATABLE: Final = Text(
    "该服务不支持可重复请求,请把选项 repeatable 设为 false", "it takes no repeatable requests: set repeatable to false"
)
_KINDS: Final = {
    SapMeaning.REFUSED: FailureKind.REJECTED,
    SapMeaning.SHORT: FailureKind.REJECTED,
    SapMeaning.LOCKED: FailureKind.UNAVAILABLE,
    SapMeaning.LATER: FailureKind.UNAVAILABLE,
    SapMeaning.NOT_ALLOWED: FailureKind.UNAUTHORIZED,
    SapMeaning.OUTDATED: FailureKind.UNKNOWN,
}


class RefusedBySap(DeliveryFailed):
    """SAP's own no to a goods issue; `short`: for want of stock, and of nothing else."""

    short = False


def listed(answer: HttpResponse, now: datetime) -> tuple[MaterialDocument, ...]:
    """Judge the answer to a look-up. Raises DeliveryFailed."""
    if not 200 <= answer.status < 300:
        raise failure_of(answer, LOOKUP, now, changes=False)
    hidden = read_header(answer.headers.get("sap-message", ""))
    if hidden is not None and hidden.failed:
        raise _failure(FailureKind.UNAVAILABLE, f"{_REFUSED} at {LOOKUP}", hidden, answer)
    documents = None if answer.cut else read_documents(answer.body)
    if documents is None:
        raise unbelieved(answer, LOOKUP, answer.cut or _NO_ANSWER, changes=False)
    return documents


def own_document(documents: Sequence[MaterialDocument], number: str) -> MaterialDocument | None:
    """Give the document of a reference. Raises DeliveryFailed for a list of others: what it leaves out is not known."""
    own = [one for one in documents if one.reference == number]
    if documents and not own:
        raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_FILTER_IGNORED} at {LOOKUP}", status=200)
    return first_of(own)


def posted(answer: HttpResponse, number: str, now: datetime) -> MaterialDocument:
    """Judge the answer to a goods issue: a 2xx may hide a refusal. Raises DeliveryFailed, RefusedBySap among them."""
    if not 200 <= answer.status < 300:
        raise failure_of(answer, POST, now, changes=True)
    hidden = read_header(answer.headers.get("sap-message", ""))
    document = None if answer.cut else read_posted(answer.body)
    if hidden is not None and hidden.failed:
        # Beside a number it is for people, whatever it says: a document may be there.
        raise _refusal(hidden, answer, final=document is not None and bool(document.number))
    if document is None:
        raise unbelieved(answer, POST, answer.cut or _NO_ANSWER, changes=True)
    if hidden is not None and hidden.delivery_made and not document.number:
        raise _failure(FailureKind.REJECTED, str(_DELIVERY), hidden, answer)
    if not (document.number and document.year):
        raise unbelieved(answer, POST, _NO_DOCUMENT, changes=True)
    if document.reference not in (None, number):
        raise unbelieved(answer, POST, _OF_ANOTHER, changes=True)
    return document


def failure_of(answer: HttpResponse, where: str, now: datetime, *, changes: bool) -> DeliveryFailed:
    """Class an answer that is no success: by SAP's messages where they are a no, else by its status."""
    failure = _by_status(answer, where, changes=changes)
    failure.retry_after_s = retry_after_s(answer.headers, now)
    return failure


def csrf_refused(answer: HttpResponse) -> bool:
    """Say whether an answer refuses the CSRF token, and so did nothing."""
    if answer.status != 403:
        return False
    wanted = answer.headers.get(CSRF_HEADER, "").strip().casefold() == "required"
    return wanted or says_csrf(readable(answer.body))


def _by_status(answer: HttpResponse, where: str, *, changes: bool) -> DeliveryFailed:
    kind = kind_of_status(answer.status, changes=changes)
    if kind is FailureKind.REJECTED and not changes:
        kind = FailureKind.UNAVAILABLE  # a question is no event's own: it is refused to all
    detail = f"HTTP {answer.status} at {where}"
    if csrf_refused(answer):
        return DeliveryFailed(FailureKind.UNAVAILABLE, f"{_CSRF_AGAIN} at {where}", status=answer.status)
    if answer.headers.get("repeatabilityresult", "").strip().casefold() == "unsupported":
        return DeliveryFailed(FailureKind.UNAVAILABLE, f"{_NOT_REPEATABLE} at {where}", status=answer.status)
    messages = None if answer.cut else read_error(answer.body)
    if messages is None:
        detail += f", {PROXY_LOGIN}" if answer.status == 407 else ""
        return DeliveryFailed(kind, detail, status=answer.status, message=readable(answer.body))
    if changes and answer.status in _REFUSALS:
        return _refusal(messages, answer)
    if changes and kind is FailureKind.UNKNOWN and messages.meaning is SapMeaning.LOCKED:
        kind = FailureKind.UNAVAILABLE  # of a lock SAP tells before it posts
    return _failure(kind, detail, messages, answer)


def _refusal(messages: SapMessages, answer: HttpResponse, *, final: bool = False) -> DeliveryFailed:
    """Class SAP's no to a goods issue; `final`: it is to be tried no more by itself."""
    kind = FailureKind.REJECTED if final else _KINDS[messages.meaning]
    detail = f"{_REFUSED} at {POST}"
    if kind is not FailureKind.REJECTED:
        return _failure(kind, detail, messages, answer)
    refusal = RefusedBySap(kind, detail, status=answer.status, code=messages.code, message=messages.words)
    refusal.short = messages.meaning is SapMeaning.SHORT and not final
    return refusal


def _failure(kind: FailureKind, detail: str, messages: SapMessages, answer: HttpResponse) -> DeliveryFailed:
    return DeliveryFailed(kind, detail, status=answer.status, code=messages.code, message=messages.words)
