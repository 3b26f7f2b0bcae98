"""The books of a Kingdee K3Cloud: sessions, stock and bills, and the answers that its services give. No I/O.

As the real one it answers every failure with 200 and a body, forgets sessions, and makes a second bill when it is
asked a second time, unless the very same data comes with `ValidateRepeatJson`.
"""

import hmac
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any, Final

import orjson

from adapters.simulators.oldest import drop_oldest

SESSION_IDLE_S: Final = 20 * 60
ALLOW_SHORT: Final = "STK_InvCheckResult"
_FILTER: Final = re.compile(r"\s*FBillNo\s*=\s*'([^']*)'\s*")
_DAY: Final = r"'(\d{4}-\d\d-\d\d)'"
_LISTED: Final = re.compile(
    rf"FBillNo like 'TB%' and FStockOrgId\.FNumber='([^']*)' and FDate>={_DAY} and FDate<{_DAY} and FID>(\d+)"
)
_NUMBERED: Final = re.compile(r"FBillNo in \(('[^']*'(?:,'[^']*')*)\) and FID>(\d+)")
_OTHERS: Final = re.compile(r"FNote='((?:[^']|'')*)' and FBillNo<>'([A-Z0-9]+)'")

Answer = Mapping[str, Any] | list[Any]


@dataclass(slots=True, kw_only=True)
class BillKept:
    """A bill in the books. Status: A saved, B submitted, C audited, D taken back; `steps` counts what was done."""

    fid: int
    number: str
    lines: list[tuple[str, float]]
    status: str = "A"
    voided: bool = False
    model: Mapping[str, Any] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)


_COLUMNS: Final[Mapping[str, Callable[[BillKept], object]]] = {
    "FID": lambda bill: bill.fid,
    "FBillNo": lambda bill: bill.number,
    "FDate": lambda bill: f"{bill.model.get('FDate', '')}T00:00:00",
    "FNote": lambda bill: bill.model.get("FNote"),
    "FDocumentStatus": lambda bill: bill.status,
    "FCancelStatus": lambda bill: "B" if bill.voided else "A",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may log in; its repr shows nobody."""

    acct_id: str = field(default="data-centre-1", repr=False)
    user: str = field(default="ticketbus", repr=False)
    app_id: str = field(default="app-of-the-bus", repr=False)
    app_secret: str = field(default="a-made-up-secret-of-a-stand-in", repr=False)


class Failed(Exception):
    """A failure of business: the vendor's code, the field and the words of the answer."""

    def __init__(self, code: int, words: str, field_name: str = "") -> None:
        super().__init__(words)
        self.code, self.words, self.field_name = code, words, field_name

    def answer(self) -> Answer:
        """Give the body: it looks as if all were well but for what it says."""
        error = {"FieldName": self.field_name or None, "Message": self.words, "DIndex": 0}
        status = {"ErrorCode": 500, "IsSuccess": False, "Errors": [error], "SuccessEntitys": [], "SuccessMessages": []}
        return {"Result": {"ResponseStatus": {**status, "MsgCode": self.code}}}


class Books:
    """One data centre. `now` is a clock in seconds; sessions that idle are gone."""

    def __init__(
        self, stock: Mapping[str, float], account: Account, now: Callable[[], float], most: int | None
    ) -> None:
        """Open with `stock` by material number; other materials are not known. Of bills the `most` newest stay."""
        self.stock = dict(stock)
        self.account = account
        self.bills: list[BillKept] = []
        self.logins = 0
        self.takes_repeats = False  # a version that does not know `ValidateRepeatJson`
        self.numbers_itself = False  # a coding rule that takes no number from outside
        self.page_rows = 2_000  # no query gives more, whatever it asks for
        self.repeats_page = False
        self._now, self._most = now, most
        self._sessions: dict[str, float] = {}
        self._seen: dict[bytes, None] = {}
        self._fids = count(100001)

    def effects(self, number: str) -> Counter[str]:
        """Count what was done under a bill number: made, submitted, audited, taken_back, voided."""
        return sum((bill.steps for bill in self.bills if bill.number == number), Counter())

    def forget_sessions(self) -> None:
        """Log everybody out, as a recycled application pool does."""
        self._sessions.clear()

    def log_in(self, parameters: object) -> tuple[Answer, str]:
        """Let in who knows the secret; the answer and the session's id."""
        who = self.account
        if not isinstance(parameters, list) or parameters[:4] != [who.acct_id, who.user, who.app_id, who.app_secret]:
            return {"LoginResultType": 0, "Message": "应用密钥或用户不正确", "KDSVCSessionId": None}, ""
        self.logins += 1
        session = f"session-{self.logins}"
        self._sessions[session] = self._now()
        drop_oldest(self._most, self._sessions)
        return {"LoginResultType": 1, "Message": None, "KDSVCSessionId": session}, session

    def serve(self, method: str, body: Mapping[str, Any], session: str) -> Answer:
        """Answer a service of DynamicFormService in a session. Raises Failed."""
        idle = self._now() - self._sessions.get(session, float("-inf"))
        if idle > SESSION_IDLE_S:
            self._sessions.pop(session, None)
            raise Failed(1, "会话信息已丢失,请重新登录")
        self._sessions[session] = self._now()
        return self.answer(method, body)

    def let_in_signed(self, headers: Mapping[str, str]) -> None:
        """Let in a request that the account signed, without a session. Raises Failed."""
        who = self.account
        data = f"{who.acct_id},{who.user},2052,0"
        signature = hmac.new(who.app_secret.encode(), (who.app_id + data).encode(), sha256).hexdigest()
        shown = (headers.get("x-kd-appkey"), headers.get("x-kd-appdata"), headers.get("x-kd-signature"))
        if shown != (who.app_id, b64encode(data.encode()).decode(), b64encode(signature.encode()).decode()):
            raise Failed(0, "授权密钥校验失败,请获取最新密钥加密")

    def answer(self, method: str, body: Mapping[str, Any]) -> Answer:
        """Answer a service of DynamicFormService to somebody who was let in. Raises Failed."""
        data = body.get("data")
        data = orjson.loads(data) if isinstance(data, str) else data
        if not isinstance(data, dict):
            raise Failed(8, "参数错误")
        if method == "ExecuteBillQuery":
            return self._query(data)
        if body.get("formid") != "STK_MisDelivery":
            raise Failed(5, "业务对象不存在")
        match method, body.get("opNumber"):
            case "Save", _:
                done = [self._save(data)]
            case "Submit", _:
                done = self._each(data, "AD", self._submit)
            case "Audit", _:
                done = self._each(data, "B", lambda bill: self._audit(bill, data.get("InterationFlags", "")))
            case "CancelAssign", _:
                done = self._each(data, "B", self._take_back)
            case "ExcuteOperation", "Cancel":
                done = self._each(data, "AD", self._void)
            case _:
                raise Failed(3, "操作标识不存在")
        entities = [{"Id": bill.fid, "Number": bill.number, "DIndex": index} for index, bill in enumerate(done)]
        status = {"IsSuccess": True, "Errors": [], "SuccessEntitys": entities, "SuccessMessages": [], "MsgCode": 0}
        return {"Result": {"ResponseStatus": status, "Id": done[0].fid, "Number": done[0].number}}

    def _query(self, data: Mapping[str, Any]) -> list[Any]:
        found = self._filtered(str(data.get("FilterString", "")))
        if data.get("FormId") != "STK_MisDelivery" or found is None:
            raise Failed(8, "查询条件错误")
        keys = [key.strip() for key in str(data.get("FieldKeys")).split(",")]
        for key in keys:
            if key not in _COLUMNS:
                raise Failed(9, f"字段{key}不存在", key if key.isidentifier() else "")
        limit = min(int(data.get("Limit") or self.page_rows), self.page_rows)
        begin = int(data.get("StartRow") or 0)
        return [[_COLUMNS[key](bill) for key in keys] for bill in found[begin : begin + limit]]

    def _filtered(self, wanted: str) -> list[BillKept] | None:
        if by_number := _FILTER.fullmatch(wanted):
            return [bill for bill in self.bills if bill.number == by_number[1]]
        if others := _OTHERS.fullmatch(wanted):
            note = others[1].replace("''", "'")
            return [bill for bill in self.bills if bill.model.get("FNote") == note and bill.number != others[2]]
        if listed := _LISTED.fullmatch(wanted):
            org, since, until, fid = listed.groups()
            return [one for one in self._behind(fid) if _is_of(one, org) and since <= one.model["FDate"] < until]
        if numbered := _NUMBERED.fullmatch(wanted):
            numbers = numbered[1].replace("'", "").split(",")
            return [one for one in self._behind(numbered[2]) if one.number in numbers]
        return None

    def _behind(self, fid: str) -> list[BillKept]:
        return [one for one in self.bills if self.repeats_page or one.fid > int(fid)]

    def _save(self, data: Mapping[str, Any]) -> BillKept:
        model = data["Model"]
        lines = [(str(row["FMaterialId"]["FNumber"]), float(row["FQty"])) for row in model["FEntity"]]
        packet = orjson.dumps(model)
        checked = str(data.get("ValidateRepeatJson", "")).lower() == "true" and not self.takes_repeats
        if checked and packet in self._seen:
            raise Failed(11, "Json数据包重复传入", "ValidateRepeatJson")
        for material, _ in lines:
            if material not in self.stock:
                raise Failed(9, f"物料编码 {material} 不存在或已禁用", "FMaterialId")
        fid = next(self._fids)
        given = "" if self.numbers_itself else model.get("FBillNo")
        number = str(given or f"QTCK{fid:06d}")
        bill = BillKept(fid=fid, number=number, lines=lines, model=model)
        bill.steps["made"] += 1
        self.bills.append(bill)
        self._seen[packet] = None
        drop_oldest(self._most, self.bills, self._seen)
        return bill

    def _each(self, data: Mapping[str, Any], legal: str, step: Callable[[BillKept], None]) -> list[BillKept]:
        ids = {text.strip() for text in str(data.get("Ids") or "").split(",")}
        numbers = data.get("Numbers") or ()
        chosen = [bill for bill in self.bills if str(bill.fid) in ids or bill.number in numbers]
        if not chosen:
            raise Failed(10, "未找到对应数据")
        for bill in chosen:
            if bill.voided or bill.status not in legal:
                raise Failed(12, f"单据{bill.number}的状态不允许此操作", "FDocumentStatus")
            step(bill)
        return chosen

    def _submit(self, bill: BillKept) -> None:
        bill.status = "B"
        bill.steps["submitted"] += 1

    def _audit(self, bill: BillKept, flags: str) -> None:
        wanted: dict[str, float] = {}
        for material, quantity in bill.lines:
            wanted[material] = wanted.get(material, 0) + quantity
        if ALLOW_SHORT not in flags and any(self.stock[name] < quantity for name, quantity in wanted.items()):
            raise Failed(11, "更新库存时出现可以忽略的异常数据,是否继续?", "AbstractInteractionResult")
        for material, quantity in wanted.items():
            self.stock[material] -= quantity
        bill.status = "C"
        bill.steps["audited"] += 1

    def _take_back(self, bill: BillKept) -> None:
        bill.status = "D"
        bill.steps["taken_back"] += 1

    def _void(self, bill: BillKept) -> None:
        bill.voided = True
        bill.steps["voided"] += 1


def _is_of(bill: BillKept, org: str) -> bool:
    return bill.number.startswith("TB") and bool(bill.model["FStockOrgId"]["FNumber"] == org)
