"""A Yonyou U8 on loopback: OpenAPI and EAI over one set of books, with bad habits, and switches for its faults.

OpenAPI queues a bill unless it is asked with `sync=1`: the answer is an address, where the result is once the bill was
taken out of the queue, `queue_s` later.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

from adapters.simulators.erp_simulator import ErpSimulator
from adapters.simulators.faulty_server import SimulatedRequest, http_answer
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.u8_books import U8Account, U8BillKept, U8Books, U8Refusal
from adapters.simulators.u8_faults import AFTER, SAYS, STATUSES, WAYS, U8Fault
from adapters.xml_root import xml_root

TOKEN, LIST, ADD, VERIFY, RESULT = "token", "list", "add", "verify", "result"
EAI_ADD, EAI_QUERY, HEALTH = "eai-add", "eai-query", "health"
EAI_PATH: Final = "/u8eai/import.asp"
_SERVICES: Final = {
    "/system/token": TOKEN,
    "/api/otheroutlist/batch_get": LIST,
    "/api/otherout/add": ADD,
    "/api/otherout/verify": VERIFY,
    "/result": RESULT,
}
_OF_EAI: Final = frozenset({EAI_ADD, EAI_QUERY, HEALTH})
_OTHERS: Final = {"code": "0000000001", "maker": "demo", "handler": "demo", "memory": "", "state": "审核"}


@dataclass(slots=True, kw_only=True)
class U8Simulator(ErpSimulator[U8Fault]):
    """A U8 whose tokens outlive `serving()`; of bills the `most` newest stay as well."""

    ways = WAYS

    account: U8Account = field(default_factory=U8Account)
    queue_s: float = 0.1
    rows_per_page_max: int = 8_000
    traceparents: dict[str, None] = field(default_factory=dict)
    books: U8Books = field(init=False)

    def __post_init__(self) -> None:
        self.books = U8Books(self.stock, self.account, self.now, self.most)

    @property
    def eai_url(self) -> str:
        """Where EAI listens."""
        return self.url + EAI_PATH

    def openapi_options(self, secret_variable: str) -> Mapping[str, Any]:
        """Give the options of a target that calls OpenAPI; the secret is in that variable."""
        who = self.account
        named = {"from_account": who.from_account, "to_account": who.to_account, "app_key": who.app_key}
        return {
            "base_url": self.url,
            **named,
            "app_secret": secret_variable,
            "warehousecode": "01",
            "receivecode": "21",
        }

    def eai_options(self, sender_variable: str) -> Mapping[str, Any]:
        """Give the options of a target that calls EAI; the sender's code is in that variable."""
        return {"url": self.eai_url, "sender": sender_variable, "warehousecode": "01", "receivecode": "21"}

    def _service(self, request: SimulatedRequest) -> str:
        path = urlsplit(request.path).path
        if path.lower() != EAI_PATH:
            return _SERVICES.get(path, path)
        if request.verb == "GET":
            return HEALTH
        return EAI_QUERY if b'proc="query"' in request.body else EAI_ADD

    def _arrived(self, request: SimulatedRequest) -> None:
        self.traceparents[request.headers.get("traceparent", "")] = None
        drop_oldest(self.most, self.traceparents)
        self.books.work_off_queue()

    def _reply(self, fault: U8Fault | None, service: str, request: SimulatedRequest) -> bytes:
        in_xml, body = service in _OF_EAI, request.body
        asked = dict(parse_qsl(urlsplit(request.path).query))
        if fault is not None and fault not in AFTER:
            if fault in SAYS:
                return http_answer("200 OK", _refused(SAYS[fault], in_xml=in_xml))
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        try:
            content = self._eai(service, body, fault) if in_xml else self._openapi(service, asked, body, fault)
        except U8Refusal as refusal:
            content = _refused(refusal, in_xml=in_xml)
        except (ValueError, KeyError, TypeError, AttributeError):
            content = _refused(U8Refusal("20001", "参数错误"), in_xml=in_xml)
        if fault is not None and fault in STATUSES:
            return http_answer(*STATUSES[fault])
        return http_answer("200 OK", _as_sent(content, fault, in_xml=in_xml))

    def _openapi(self, service: str, asked: Mapping[str, str], body: bytes, fault: U8Fault | None) -> bytes:
        if service == TOKEN:
            return _json(token={"appKey": asked.get("app_key"), "expiresIn": 7200, "id": self.books.new_token(asked)})
        if service == RESULT:
            return _made(self.books.result(asked.get("requestid", "")))
        self.books.admit(asked)
        if service == LIST:
            return self._list(asked, fault)
        if service == ADD:
            return self._add(asked, body)
        if service == VERIFY:
            self.books.audit(str(orjson.loads(body)["otherout"]["voucher_code"]))
            return _json()
        raise U8Refusal("30004", "接口不存在")

    def _add(self, asked: Mapping[str, str], body: bytes) -> bytes:
        if ("biz_id" in asked) == ("tradeid" in asked):
            raise U8Refusal("20001", "tradeid与biz_id只能传入一个")
        bill = _bill_of_json(orjson.loads(body)["otherout"], asked.get("biz_id", ""))
        if asked.get("sync") == "1":
            return _made(self.books.add(bill, interface="openapi"))
        request = self.books.enqueue(bill, self.queue_s)
        return orjson.dumps({"url": f"https://api.of-the-vendor.example/result?requestid={request}"})

    def _list(self, asked: Mapping[str, str], fault: U8Fault | None) -> bytes:
        page, per_page = int(asked["page_index"]), min(int(asked["rows_per_page"]), self.rows_per_page_max)
        found = [_row(one) for one in self.books.bills if _fits(one, asked)]
        if fault is U8Fault.UNFILTERED:
            found = [_OTHERS]
        if not found:
            raise U8Refusal("20002", "未检索到匹配的[其他出库单]。")
        found = found * 2 if fault is U8Fault.REPEATED else found
        pages = -(-len(found) // per_page)
        counts = {"page_index": page, "rows_per_page": per_page, "page_count": pages, "row_count": len(found)}
        if fault is U8Fault.PAGE_MOVES and page > 1:
            found = [*found[1:], found[0]]
        begin = 0 if fault is U8Fault.PAGE_REPEATS else (page - 1) * per_page
        rows = found[begin : begin + per_page]
        return _json(**{name: str(number) for name, number in counts.items()}, otheroutlist=rows)

    def _eai(self, service: str, body: bytes, fault: U8Fault | None) -> bytes:
        if service == HEALTH:
            return "正常".encode()
        root = xml_root(body)
        if root is None:
            raise ValueError("no XML")
        if root.get("sender") != self.books.account.sender:
            raise U8Refusal("-1", "注册号不正确!")
        if service == EAI_ADD:
            bill = self.books.add(_bill_of_xml(root), interface="eai")
            return _item("0", "", key=bill.number, u8key=bill.number)
        fields = {one.get("name"): one.get("value", "") for one in root.iter("field")}
        number, note = fields.get("ccode"), fields.get("cmemo")
        found = [one for one in self.books.bills if number in (None, one.number) and note in (None, one.note)]
        numbers = [(one.number, one.note) for one in found]
        if fault is U8Fault.UNFILTERED:
            numbers = [("0000000001", "")]
        return _bills(numbers * 2 if fault is U8Fault.REPEATED else numbers)


def bill_in(body: bytes) -> U8BillKept | None:
    """Read the bill that a request would add; None where it would add none."""
    try:
        if body.startswith(b"<"):
            root = xml_root(body)
            return None if root is None else _bill_of_xml(root)
        return _bill_of_json(orjson.loads(body)["otherout"], "")
    except (U8Refusal, ValueError, KeyError, TypeError, AttributeError):
        return None


def _bill_of_json(head: Mapping[str, Any], biz_id: str) -> U8BillKept:
    lines = [(str(row["inventorycode"]), float(row["quantity"])) for row in head["entry"]]
    named = {name: str(value) for name, value in head.items() if name != "entry"}
    return U8BillKept(number=named["code"], note=named.get("memory", ""), lines=lines, biz_id=biz_id, head=named)


def _bill_of_xml(root: Element) -> U8BillKept:
    bill = root.find("storeout")
    head = {} if bill is None else {one.tag: one.text or "" for one in bill.iterfind("header/*")}
    if bill is None or (head.get("vouchtype"), head.get("receiveflag")) != ("09", "0"):
        raise U8Refusal("-1", "单据类型错误")
    entries = bill.iterfind("body/entry")
    lines = [(one.findtext("inventorycode", ""), float(one.findtext("quantity", ""))) for one in entries]
    return U8BillKept(number=head["code"], note=head.get("memory", ""), lines=lines, head=head)


def _fits(bill: U8BillKept, asked: Mapping[str, str]) -> bool:
    """Say whether a list shows a bill: by number and day from one to another, and by what its note holds."""
    first, last, note = asked.get("code_begin", ""), asked.get("code_end", "\U0010ffff"), asked.get("memory", "")
    day, since, until = bill.head.get("date", ""), asked.get("date_begin", ""), asked.get("date_end", "9999-12-31")
    return first <= bill.number <= last and since <= day <= until and note in bill.note


def _row(bill: U8BillKept) -> Mapping[str, str]:
    row = {"code": bill.number, "date": bill.head.get("date", ""), "memory": bill.note, "maker": "EAI"}
    return {**row, "handler": "EAI" if bill.audited else "", "warehousecode": bill.head.get("warehousecode", "")}


def _made(bill: U8BillKept) -> bytes:
    return _json(id=bill.number, tradeid="")


def _json(**content: Any) -> bytes:
    return orjson.dumps({"errcode": "0", "errmsg": "", **content})


def _refused(refusal: U8Refusal, *, in_xml: bool) -> bytes:
    if in_xml:
        return _item(refusal.code, refusal.words)
    return orjson.dumps({"errcode": refusal.code, "errmsg": refusal.words})


def _item(succeed: str, words: str, *, key: str = "", u8key: str = "") -> bytes:
    root = Element("ufinterface", {"roottag": "return", "proc": "add", "request-roottag": "storeout"})
    SubElement(root, "item", {"key": key, "succeed": succeed, "dsc": words, "u8key": u8key})
    return bytes(tostring(root, encoding="utf-8"))


def _bills(numbers: Collection[tuple[str, str]]) -> bytes:
    root = Element("ufinterface", {"roottag": "storeout", "proc": "Query", "docid": ""})
    for number, note in numbers:
        head = SubElement(SubElement(root, "storeout"), "header")
        SubElement(head, "code").text = number
        SubElement(head, "memory").text = note
    return bytes(tostring(root, encoding="utf-8"))


def _as_sent(content: bytes, fault: U8Fault | None, *, in_xml: bool) -> bytes:
    match fault:
        case U8Fault.NUMBER:
            return content.replace(b'"errcode":"0"', b'"errcode":0')
        case U8Fault.BOM:
            return b"\xef\xbb\xbf" + content
        case U8Fault.GBK:
            return content.decode().encode("gbk")
        case U8Fault.FOREIGN if in_xml:
            return _item("0", "", key="0000000001", u8key="0000000001").replace(b"storeout", b"voucher")
        case U8Fault.FOREIGN:
            return _json(page_index="1", page_count="1", row_count="1", otheroutlist=[_OTHERS])
        case _:
            return content
