"""What Kingdee K3Cloud's answers mean: HTTP 200 on every failure of business, so the body is judged. Pure.

Its codes (`MsgCode`) are the vendor's table; the words beside them are for people and never read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import orjson

from bus.delivery.target import DeliveryFailed, FailureKind

SESSION_LOST: Final = 1
_STOCK_ASKED: Final = "AbstractInteractionResult"  # the field of "stock would go below nothing, go on?"

# The vendor's MsgCode → what it says about us. Whatever is not here is a rule or a record of theirs: REJECTED.
_KINDS: Final[Mapping[int, FailureKind]] = {
    SESSION_LOST: FailureKind.UNAUTHORIZED,
    2: FailureKind.UNAUTHORIZED,  # no permission
    4: FailureKind.UNKNOWN,  # an exception over there, at any point
    6: FailureKind.UNAVAILABLE,  # the database refused, a full disk among the reasons; rolled back
    7: FailureKind.UNAUTHORIZED,  # licence
    13: FailureKind.UNAVAILABLE,  # somebody has the bill open
    14: FailureKind.THROTTLED,  # call limit; there is no HTTP 429
    15: FailureKind.UNAUTHORIZED,  # administrators may not log in here
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A bill in their books, by their own id: numbers may be there twice."""

    fid: str
    stage: BillStage


@dataclass(frozen=True, slots=True, kw_only=True)
class KingdeeAnswer:
    """What an answer says: done (with id and number), or not, with the vendor's code and the fields it names."""

    ok: bool
    code: int = 0
    fields: tuple[str, ...] = ()
    fid: str = ""
    number: str = ""

    @property
    def short(self) -> bool:
        """Say whether the store has not enough."""
        return not self.ok and _STOCK_ASKED in self.fields


def read(body: bytes) -> KingdeeAnswer | None:
    """Read the answer to a step; None when it is no answer to be believed."""
    return _read_answer(_json(body))


def read_login(body: bytes) -> KingdeeAnswer | None:
    """Read the answer to a login; the session is in its cookies. Raises DeliveryFailed when we are not let in."""
    match _json(body):
        case {"LoginResultType": 1, "KDSVCSessionId": str()}:
            return KingdeeAnswer(ok=True)
        case {"LoginResultType": int(result)}:
            raise DeliveryFailed(FailureKind.UNAUTHORIZED, "the login is refused", code=str(result))
        case other:
            failure = _read_answer(other)
            if failure is None or failure.ok:
                return None
            if kind_of(failure.code, changes=False) is FailureKind.REJECTED:  # no row of ours can mend that
                raise DeliveryFailed(FailureKind.UNAUTHORIZED, "the login is refused", code=str(failure.code))
            return failure


def read_bills(body: bytes) -> tuple[Bill, ...] | KingdeeAnswer | None:
    """Read the answer to a query: bills, a failure in the place of the first row, or nothing to be believed."""
    match _json(body):
        case [[{"Result": _} as failure, *_], *_] | [{"Result": _} as failure, *_] | ({"Result": _} as failure):
            answer = _read_answer(failure)
            return None if answer is None or answer.ok else answer
        case [*rows]:
            bills = tuple(bill for row in rows if (bill := _bill(row)) is not None)
            return bills if len(bills) == len(rows) else None
        case _:
            return None


def that_counts(bills: tuple[Bill, ...]) -> Bill | None:
    """Choose the bill that counts where a number is there twice: the furthest; a voided one if there is no other."""
    return max(bills, key=lambda bill: 0 if bill.stage is BillStage.VOIDED else bill.stage, default=None)


def kind_of(code: int, *, changes: bool) -> FailureKind:
    """Class the vendor's code; a question that failed has changed nothing, whatever came in its way."""
    kind = _KINDS.get(code, FailureKind.REJECTED)
    return FailureKind.UNAVAILABLE if kind is FailureKind.UNKNOWN and not changes else kind


def kind_of_status(status: int, *, changes: bool) -> FailureKind:
    """Class an HTTP status but 200: none of them is the ERP's own word on business."""
    match status:
        case 401 | 403:
            return FailureKind.UNAUTHORIZED
        case 429:
            return FailureKind.THROTTLED
        case 400 | 413 | 414 | 415 | 422 | 431:
            return FailureKind.REJECTED
        case 500 | 502 | 504 if changes:
            return FailureKind.UNKNOWN  # a gateway says so after the ERP has done it, too
        case _:
            return FailureKind.UNAVAILABLE  # also 404 and redirects: not the ERP, or not now


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _read_answer(answer: object) -> KingdeeAnswer | None:
    match answer:
        case {"Result": {"ResponseStatus": {"IsSuccess": ok, **status}, **result}}:
            done = ok is True or str(ok).lower() == "true"
            entities = status.get("SuccessEntitys")
            entity = entities[0] if isinstance(entities, list) and entities and isinstance(entities[0], dict) else {}
            return KingdeeAnswer(
                ok=done,
                code=_number(status.get("MsgCode")),
                fields=_fields(status.get("Errors")),
                fid=str(result.get("Id") or entity.get("Id") or ""),
                number=str(result.get("Number") or entity.get("Number") or ""),
            )
        case _:
            return None


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
