"""What is written to Kingdee K3Cloud: the login, the bill of a request for parts, and the steps it goes through. Pure.

Not seen in a first-hand source: that a bill of this form is voided by the operation `Cancel` and has `FCancelStatus`
B from then on, as its sister forms do; and whether data that was refused counts for `ValidateRepeatJson`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import orjson

from adapters.erp.kingdee_answers import Bill, BillStage
from adapters.parts_order import PartsOrder, document_number, is_document_number, parts_order
from bus.delivery.target import Call, Effect
from bus.domain.commands import IssueParts, RefuseParts

LOGIN: Final = "AuthService.LoginByAppSecret"
QUERY: Final = "DynamicFormService.ExecuteBillQuery"
SAVE: Final = "DynamicFormService.Save"
SUBMIT: Final = "DynamicFormService.Submit"
UNSUBMIT: Final = "DynamicFormService.CancelAssign"
AUDIT: Final = "DynamicFormService.Audit"
OPERATION: Final = "DynamicFormService.ExcuteOperation"  # spelled so over there

FORM: Final = "STK_MisDelivery"  # 其他出库单; STK_MISCELLANEOUS would be the way in
PROBE_NUMBER: Final = "TBPROBE"  # of no bill: ours have 22 characters
LANGUAGE: Final = 2052  # Chinese
_NUMBER_CHARS: Final = 22
PAGE_ROWS: Final = 1_000  # the vendor gives 2,000 at most


@dataclass(frozen=True, slots=True, kw_only=True)
class KingdeeSettings:
    """Where the ERP is, who we are there, and whose store the parts leave. Its repr shows no credentials.

    `signed`: each request is signed, and there is no login; `signed_org` is the organisation that it is signed for.
    """

    base_url: str
    acct_id: str = field(repr=False)
    user: str = field(repr=False)
    app_id: str = field(repr=False)
    app_secret: str = field(repr=False)
    org: str
    stock: str
    department: str = ""
    bill_type: str = "QTCKD01_SYS"
    signed: bool = False
    signed_org: str = "0"


def path(service: str) -> str:
    """Give the path of a service."""
    return f"/k3cloud/Kingdee.BOS.WebApi.ServicesStub.{service}.common.kdsvc"


def bill_number(key: str) -> str:
    """Derive the bill's number from the call's key."""
    return document_number(key, _NUMBER_CHARS)


def order(call: Call) -> PartsOrder:
    """Say what a call asks of the store. Raises DeliveryFailed."""
    return parts_order(call, bill_number)


def effect(wanted: PartsOrder, bill: Bill | None) -> Effect | None:
    """Say what a bill means for the ticket; nothing while it is on its way."""
    match bill:
        case Bill(stage=BillStage.AUDITED):
            issued = IssueParts(request_no=wanted.request_no, document_no=wanted.number, parts=wanted.parts)
            return Effect(reference=wanted.number, commands=(issued,))
        case Bill(stage=BillStage.VOIDED):
            reason = f"ERP 库存不足,其他出库单 {wanted.number} 未出库"
            return Effect(reference=wanted.number, commands=(RefuseParts(request_no=wanted.request_no, reason=reason),))
        case _:
            return None


def login(settings: KingdeeSettings) -> bytes:
    """Write the login; it holds the secret."""
    who = [settings.acct_id, settings.user, settings.app_id, settings.app_secret, LANGUAGE]
    return orjson.dumps({"parameters": who})


def query(number: str) -> bytes:
    """Ask for the bills of a number: FID, status, voided or not."""
    return _query(f"FBillNo='{number}'")


def query_others(wanted: PartsOrder) -> bytes:
    """Ask for the bills of the same request that have another number."""
    return _query(f"FNote='{_quoted(wanted.note)}' and FBillNo<>'{wanted.number}'")


def query_documents(settings: KingdeeSettings, since: date, until: date, *, after: int) -> bytes:
    """Ask for a page of our bills whose day is from `since` to `until`, behind a FID.

    By FID, not by row: a bill that is deleted between two pages lets none of the others slip from one to the next.
    """
    ours = f"FBillNo like 'TB%' and FStockOrgId.FNumber='{_quoted(settings.org)}'"
    days = f"FDate>='{since.isoformat()}' and FDate<'{(until + timedelta(days=1)).isoformat()}'"
    return _page(f"{ours} and {days}", after)


def query_numbered(numbers: Sequence[str], *, after: int) -> bytes:
    """Ask for a page of the bills of some numbers, behind a FID."""
    wanted = ",".join(f"'{_quoted(number)}'" for number in numbers)
    return _page(f"FBillNo in ({wanted})", after)


def is_bill_number(number: str) -> bool:
    """Say whether a number is of our form."""
    return is_document_number(number, _NUMBER_CHARS)


def _page(wanted: str, after: int) -> bytes:
    keys = "FID,FBillNo,FDate,FNote,FDocumentStatus,FCancelStatus"
    return _query(f"{wanted} and FID>{after}", keys=keys, limit=PAGE_ROWS)


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _query(wanted: str, *, keys: str = "FID,FDocumentStatus,FCancelStatus", limit: int = 10) -> bytes:
    asked = {"FormId": FORM, "FieldKeys": keys, "FilterString": wanted, "OrderString": "FID"}
    return orjson.dumps({"data": _text({**asked, "TopRowCount": 0, "StartRow": 0, "Limit": limit})})


def save(wanted: PartsOrder, settings: KingdeeSettings) -> bytes:
    """Write the bill. Nothing personal: the request's reason is free text and stays here."""
    org = {"FNumber": settings.org}
    owned = {"FOwnerTypeId": "BD_OwnerOrg", "FOwnerId": org, "FKeeperTypeId": "BD_KeeperOrg", "FKeeperId": org}
    shelf = {"FStockId": {"FNumber": settings.stock}, "FStockStatusId": {"FNumber": "KCZT01_SYS"}}
    model: dict[str, Any] = {
        "FID": 0,
        "FBillNo": wanted.number,
        "FBillTypeID": {"FNumber": settings.bill_type},
        "FStockOrgId": org,
        "FPickOrgId": org,
        "FStockDirect": "GENERAL",
        "FDate": wanted.day.isoformat(),
        "FOwnerTypeIdHead": "BD_OwnerOrg",
        "FOwnerIdHead": org,
        "FNote": wanted.note,
        "FEntity": [
            {"FMaterialId": {"FNumber": part.part_no}, "FQty": part.quantity, **shelf, **owned} for part in wanted.parts
        ],
    }
    if settings.department:
        model["FDeptId"] = {"FNumber": settings.department}
    # Their own refusal of a repeat, beside our asking first; a record that is not there is refused, not left empty.
    checks = {"IsVerifyBaseDataField": "true", "ValidateRepeatJson": "true", "InterationFlags": ""}
    return orjson.dumps({"formid": FORM, "data": _text({**checks, "Model": model})})


def by_id(bill: Bill, *, operation: str = "") -> bytes:
    """Write what is wanted of one bill; no question of theirs is answered with "go on" beforehand."""
    body: dict[str, Any] = {"formid": FORM, "data": _text({"Ids": bill.fid, "InterationFlags": ""})}
    return orjson.dumps({**body, "opNumber": operation} if operation else body)


def _text(data: Mapping[str, Any]) -> str:
    return orjson.dumps(data).decode()
