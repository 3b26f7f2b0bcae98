"""The other-out bill 其他出库单 of a request for parts, as both interfaces write it and find it again. Pure."""

import re
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from adapters.parts_order import PartsOrder, document_number, is_document_number, parts_order
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.commands import IssueParts, RefuseParts
from bus.domain.text import Text

_DIGITS: Final = 22  # a bill's number has room for 30
PROBE_NUMBER: Final = "TBPROBE"  # of no bill
OWN_NUMBERS: Final = Text(
    "U8 称已保存,却查不到此单号;请在单据编号设置中允许手工单号",
    "saved, it says, and there is no bill of our number: let U8 take numbers of ours",
)
BILL_BEFORE: Final = Text("修改前的单据还在,请先删除", "a bill from before the edit stands there; delete it first")
# Quotation marks and brackets in a note have broken U8's own saving.
_BREAKS_SAVING: Final = re.compile(r"[\"'<>&\\%\u2018-\u201f\x00-\x1f\x7f]")
_NO_CODE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class U8Bill:
    """A bill in U8's books; `audited`: the parts have left the store."""

    audited: bool


def order_of(call: Call) -> PartsOrder:
    """Say what a call asks of the store. Raises DeliveryFailed: only a request for parts has a form there."""
    wanted = parts_order(call, lambda key: document_number(key, _DIGITS))
    if any(_NO_CODE.search(part.part_no) for part in wanted.parts):
        detail = Text("物料编码含控制字符", "a part's number holds control characters")
        raise DeliveryFailed(FailureKind.UNTRANSLATABLE, detail)
    return wanted


def note_of(wanted: PartsOrder) -> str:
    """Say on the bill what it is for; every bill of one request has the same. Nothing personal."""
    return _BREAKS_SAVING.sub(" ", wanted.note)


def is_ours(code: object, number: str) -> bool:
    """Say whether a bill's number is ours; books hold some in full width."""
    return _narrow(code) == number


def bill_number_of(code: object) -> str | None:
    """Give a bill's number if it is of our form."""
    number = _narrow(code)
    return number if is_document_number(number, _DIGITS) else None


def _narrow(code: object) -> str:
    return normalize("NFKC", code).strip().upper() if isinstance(code, str) else ""


def issued(wanted: PartsOrder) -> Effect:
    """Give the effect of parts that have left the store."""
    command = IssueParts(request_no=wanted.request_no, document_no=wanted.number, parts=wanted.parts)
    return Effect(reference=wanted.number, commands=(command,))


def refused(wanted: PartsOrder) -> Effect:
    """Give the effect of a store that has not enough: U8 made no bill."""
    reason = f"ERP 库存不足,其他出库单 {wanted.number} 未生成"
    return Effect(reference=wanted.number, commands=(RefuseParts(request_no=wanted.request_no, reason=reason),))
