"""What Kingdee K3Cloud's answers mean: HTTP 200 on every failure of business, so the body is judged. Pure.

Its codes (`MsgCode`) are the vendor's table. Where it gives none, or one that is for anything, the words of a session
that is lost and of a bill that somebody else has open stand for their codes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final, TypeVar

from adapters.answers.text import is_page
from adapters.answers.wrapped_json import unwrapped
from adapters.erp.kingdee_words import is_login_page, says_in_use, says_session_lost
from bus.delivery.document_list import DocumentStage, ListedDocument
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

SESSION_LOST: Final = 1
IN_USE: Final = 13
UNCODED: Final = -1  # a failure where no code can stand
_STOCK_ASKED: Final = "AbstractInteractionResult"  # the field of "stock would go below nothing, go on?"

# The vendor's MsgCode → what it says about us. Whatever is not here is a rule or a record of theirs: REJECTED.
_KINDS: Final[Mapping[int, FailureKind]] = {
    UNCODED: FailureKind.UNKNOWN,  # an exception over there, or a page
    SESSION_LOST: FailureKind.UNAUTHORIZED,
    2: FailureKind.UNAUTHORIZED,  # no permission
    4: FailureKind.UNKNOWN,  # an exception over there, at any point
    6: FailureKind.UNAVAILABLE,  # the database refused, a full disk among the reasons; rolled back
    7: FailureKind.UNAUTHORIZED,  # licence
    IN_USE: FailureKind.UNAVAILABLE,  # somebody has the bill open
    14: FailureKind.THROTTLED,  # call limit; there is no HTTP 429
    15: FailureKind.UNAUTHORIZED,  # administrators may not log in here
}

_EXCEPTION: Final = "response_error:"  # what stands before the words of an exception, instead of JSON


class BillStage(IntEnum):
    """How far a bill is; only the last two are final."""

    SAVED = 1
    SUBMITTED = 2
    AUDITED = 3
    VOIDED = 4


_STAGES: Final = {
    "Z": BillStage.SAVED,
    "A": BillStage.SAVED,
    "D": BillStage.SAVED,
    "B": BillStage.SUBMITTED,
    "C": BillStage.AUDITED,
}
_LISTED: Final = {BillStage.AUDITED: DocumentStage.COUNTED, BillStage.VOIDED: DocumentStage.VOIDED}
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A bill in their books, by their own id: numbers may be there twice."""

    fid: str
    stage: BillStage


@dataclass(frozen=True, slots=True, kw_only=True)
class KingdeeAnswer:
    """What an answer says: done (with id and number), or not, with the vendor's code, fields and words.

    `page`: it is no answer but the page where people log in.
    """

    ok: bool
    code: int = 0
    fields: tuple[str, ...] = ()
    words: str = ""
    page: bool = False
    fid: str = ""
    number: str = ""

    @property
    def lost(self) -> bool:
        """Say whether it tells, in whatever form, that we are not logged in."""
        return not self.ok and (self.page or self.code == SESSION_LOST)

    @property
    def short(self) -> bool:
        """Say whether the store has not enough."""
        return not self.ok and _STOCK_ASKED in self.fields


def read(body: bytes) -> KingdeeAnswer | None:
    """Read the answer to a step; None when it is no answer to be believed."""
    return _read_answer(unwrapped(body))


def read_login(body: bytes) -> KingdeeAnswer | None:
    """Read the answer to a login; the session is in its cookies. Raises DeliveryFailed when we are not let in."""
    match unwrapped(body):
        case {"LoginResultType": 1, "KDSVCSessionId": str()}:
            return KingdeeAnswer(ok=True)
        case {"LoginResultType": int(result), **rest}:
            raise _not_let_in(str(result), str(rest.get("Message") or ""))
        case other:
            failure = _read_answer(other)
            if failure is None or failure.ok or failure.page:
                return None
            # No row of ours can mend that; and who is not logged in while logging in has the wrong account.
            if failure.lost or kind_of(failure.code, changes=False) is FailureKind.REJECTED:
                raise _not_let_in(str(failure.code), failure.words)
            return failure


def _not_let_in(code: str, words: str) -> DeliveryFailed:
    return DeliveryFailed(
        FailureKind.UNAUTHORIZED, Text("登录被拒绝", "the login is refused"), code=code, message=words
    )


def read_bills(body: bytes) -> tuple[Bill, ...] | KingdeeAnswer | None:
    """Read the answer to a query: bills, a failure in the place of the first row, or nothing to be believed."""
    return _read_rows(body, _bill)


def read_documents(body: bytes) -> tuple[ListedDocument, ...] | KingdeeAnswer | None:
    """Read a page of a list, as `read_bills` does."""
    return _read_rows(body, _document)


def _read_rows(body: bytes, read_row: Callable[[object], Row | None]) -> tuple[Row, ...] | KingdeeAnswer | None:
    match unwrapped(body):
        case [*rows] if (read := [one for row in rows if (one := read_row(row)) is not None]) or not rows:
            return tuple(read) if len(read) == len(rows) else None
        case other:
            answer = _read_answer(other)
            return None if answer is None or answer.ok else answer


def that_counts(bills: tuple[Bill, ...]) -> Bill | None:
    """Choose the bill that counts where a number is there twice: the furthest; a voided one if there is no other."""
    return max(bills, key=lambda bill: 0 if bill.stage is BillStage.VOIDED else bill.stage, default=None)


def kind_of(code: int, *, changes: bool) -> FailureKind:
    """Class the vendor's code; a question that failed has changed nothing, whatever came in its way."""
    return _KINDS.get(code, FailureKind.REJECTED).of(changes=changes)


def _read_answer(answer: object) -> KingdeeAnswer | None:
    """Read an answer, or a failure in the place of a list's first item; None when it is nothing to be believed."""
    match answer:
        case [[{} as first, *_], *_] | [{} as first, *_]:
            failure = _read_answer(first)
            return None if failure is None or failure.ok else failure
        case {"Result": {"ResponseStatus": {"IsSuccess": ok, **status}, **result}}:
            done = ok is True or str(ok).lower() == "true"
            words, msg_code = _words(status.get("Errors")), status.get("MsgCode")
            entities = status.get("SuccessEntitys")
            entity = entities[0] if isinstance(entities, list) and entities and isinstance(entities[0], dict) else {}
            return KingdeeAnswer(
                ok=done,
                code=_code(_number(msg_code), f"{status.get('ErrorCode')};{msg_code}", words),
                fields=_fields(status.get("Errors")),
                words=words,
                fid=str(result.get("Id") or entity.get("Id") or ""),
                number=str(result.get("Number") or entity.get("Number") or ""),
            )
        case {"Message": str(words), **rest} if words and "Result" not in rest:
            return KingdeeAnswer(ok=False, code=_code(UNCODED, str(rest.get("ErrorCode")), words), words=words)
        case str(text):
            return _read_text(text)
        case _:
            return None


def _read_text(text: str) -> KingdeeAnswer | None:
    """Read what is no JSON: the words of a failure, or the page where people log in; None for anything else."""
    if is_page(text):
        return KingdeeAnswer(ok=False, code=UNCODED, page=True) if is_login_page(text) else None
    code = _code(UNCODED, "", text)
    return KingdeeAnswer(ok=False, code=code, words=text) if code != UNCODED or text.startswith(_EXCEPTION) else None


def _words(errors: object) -> str:
    listed = errors if isinstance(errors, list) else []
    messages = [one["Message"] for one in listed if isinstance(one, dict) and isinstance(one.get("Message"), str)]
    return "; ".join(dict.fromkeys(messages))


def _code(code: int, error_code: str, words: str) -> int:
    """Give the code that the words stand for, where the code by itself is for anything.

    What is not known to have left all as it was stays so, whoever is asked to try again later.
    """
    kind = _KINDS.get(code, FailureKind.REJECTED)
    if kind in (FailureKind.REJECTED, FailureKind.UNKNOWN) and says_session_lost(f"{error_code}\n{words}"):
        return SESSION_LOST
    return IN_USE if kind is FailureKind.REJECTED and says_in_use(words) else code


def _fields(errors: object) -> tuple[str, ...]:
    listed = errors if isinstance(errors, list) else []
    names = [error["FieldName"] for error in listed if isinstance(error, dict) and "FieldName" in error]
    return tuple(name for name in names if isinstance(name, str) and name.isidentifier() and len(name) <= 60)


def _number(code: object) -> int:
    text = str(code)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def _bill(row: object) -> Bill | None:
    match row:
        case [int() | str() as fid, str(status), cancelled, *_] if status in _STAGES:
            return Bill(fid=str(fid), stage=BillStage.VOIDED if cancelled == "B" else _STAGES[status])
        case _:
            return None


def _document(row: object) -> ListedDocument | None:
    """Read a row of a list: FID, number, day, note, status, voided or not."""
    match row:
        case [int() | str() as fid, str(number), str(day), str() | None as note, *state]:
            bill = _bill([fid, *state])
            try:
                at = date.fromisoformat(day[:10])
            except ValueError:
                return None
            if bill is None:
                return None
            stage = _LISTED.get(bill.stage, DocumentStage.OPEN)
            return ListedDocument(
                own_id=bill.fid, number=number.strip(), note=(note or "").strip(), day=at, stage=stage
            )
        case _:
            return None
