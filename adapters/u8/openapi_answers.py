"""What U8 OpenAPI's answers mean: HTTP 200 on every failure of business, so the body is judged. Pure.

Not seen first-hand: which field of a list says that a bill is audited (`handler`, as single bills have it, and `state`,
as sister lists have it, are both read); and how a result that is not there yet looks. Whatever has no `errcode`, or
says that it is being done, is none yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from adapters.answers.wrapped_json import unwrapped
from adapters.u8.bill import U8Bill, bill_number_of, is_ours
from adapters.u8.openapi_wire import ROWS
from adapters.u8.words import U8Says, says
from bus.delivery.document_list import DocumentStage, ListedDocument

_AUDITED: Final = frozenset({"审核", "已审核", "approved", "verified"})
_OF_OTHER_CALLS: Final = frozenset({"token", "trade", ROWS, "url"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApiAnswer:
    """What an answer says: done by `code` "0", or what a refusal is about. `url`: where the result will be."""

    code: str
    words: str = ""
    url: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Say whether it tells that all is well."""
        return self.code == "0"

    @property
    def about(self) -> U8Says:
        """Say what its refusal is about."""
        return says(self.code, self.words)

    @property
    def later(self) -> bool:
        """Say whether it tells only where the result will be."""
        return bool(self.url) and self.code in ("", "0") and not _text(self.content.get("id"))

    @property
    def is_result(self) -> bool:
        """Say whether it is the end of what was queued."""
        return bool(self.code) and not self.later and self.about not in (U8Says.RUNNING, U8Says.NONE_FOUND)

    @property
    def made(self) -> bool:
        """Say whether it names what was made; another call's answer does not."""
        return any(_text(self.content.get(name)) for name in ("id", "tradeid", "biz_id"))

    @property
    def bare(self) -> bool:
        """Say whether it is the answer to a step that makes nothing, and not another call's."""
        return _OF_OTHER_CALLS.isdisjoint(self.content)

    @property
    def token(self) -> str:
        """Give the token that it holds, or nothing."""
        match self.content:
            case {"token": {"id": str(token)}}:
                return token.strip()
            case _:
                return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPage:
    """A page of a list of bills; `pages`: how many there are; `count`: how many bills in all, if that is told."""

    rows: Sequence[Mapping[str, Any]]
    pages: int
    count: int | None = None


def read(body: bytes) -> OpenApiAnswer | None:
    """Read an answer; None when it is none to be believed. `errcode` comes as text and as a number."""
    match unwrapped(body):
        case dict() as content if content:
            code = content.get("errcode")
            return OpenApiAnswer(
                code="" if code is None or isinstance(code, bool) else str(code).strip(),
                words=_text(content.get("errmsg")),
                url=_text(content.get("url")),
                content=content,
            )
        case _:
            return None


def read_page(answer: OpenApiAnswer) -> BillPage | None:
    """Read a page of bills; none that match are told as a refusal. None when it is no such answer."""
    if not answer.ok:
        return BillPage(rows=(), pages=0) if answer.about is U8Says.NONE_FOUND else None
    rows, count = answer.content.get(ROWS), _number(answer.content.get("row_count"))
    if rows is None and count == 0:
        return BillPage(rows=(), pages=0)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return BillPage(rows=rows, pages=_number(answer.content.get("page_count")) or 1, count=count)


def bill_of(rows: Sequence[Mapping[str, Any]], number: str) -> U8Bill | None:
    """Choose the bill of a number; where it is there twice, one that is audited counts."""
    ours = [U8Bill(audited=_audited(row)) for row in rows if is_ours(row.get("code"), number)]
    return max(ours, key=lambda bill: bill.audited, default=None)


def document_of(row: Mapping[str, Any], *, verified: bool) -> ListedDocument | None:
    """Read a row of a list; None for a bill whose number is not of our form. Raises ValueError for one without a day.

    U8 gives no two bills one number, and a list no other id. `verified`: a bill counts once it is audited.
    """
    number = bill_number_of(row.get("code"))
    if number is None:
        return None
    counts = _audited(row) or not verified
    return ListedDocument(
        own_id=number,
        number=number,
        note=_text(row.get("memory")),
        day=date.fromisoformat(_text(row.get("date"))[:10]),
        stage=DocumentStage.COUNTED if counts else DocumentStage.OPEN,
    )


def _audited(row: Mapping[str, Any]) -> bool:
    named = any(_text(row.get(name)) for name in ("handler", "verifier", "auditor"))
    return named or _text(row.get("state")).casefold() in _AUDITED


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else str(value) if type(value) is int else ""


def _number(value: object) -> int | None:
    """Read a count, which comes as text and as a number."""
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
