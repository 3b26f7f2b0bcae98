"""The XML of U8's EAI: a bill to be added, a question for bills, and what the replies mean. Pure.

Not seen first-hand: the field by which bills are asked for (sister queries use the column's name), and the reply to a
question that finds nothing. Nothing is there only where a reply is plainly one to that question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from adapters.answers.text import decoded
from adapters.parts_order import PartsOrder
from adapters.u8.bill import is_ours, note_of
from adapters.u8.options import EaiSettings
from adapters.u8.words import U8Says, says
from adapters.xml_root import xml_root

_ROOT_TAG: Final = "storeout"
_VOUCHER: Final = "09"  # 其他出库; 11 would be 材料出库, 32 销售出库
_NUMBER_FIELD: Final = "ccode"
_NOTE_FIELD: Final = "cmemo"
_ROOTS: Final = frozenset({"ufinterface", "finterface"})  # both are in use
_DECLARATION: Final = b'<?xml version="1.0" encoding="utf-8"?>'


@dataclass(frozen=True, slots=True, kw_only=True)
class EaiReply:
    """What a reply says: done where every item does (`succeed` "0"), else the first item that does not."""

    ok: bool
    code: str = ""
    words: str = ""

    @property
    def about(self) -> U8Says:
        """Say what its refusal is about."""
        return says("", self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class EaiBills:
    """The bills of a reply to a question: the numbers and notes of their heads."""

    numbers: Sequence[str]
    notes: Sequence[str]

    def has(self, number: str) -> bool:
        """Say whether a bill of that number is among them."""
        return any(is_ours(one, number) for one in self.numbers)


def adding(settings: EaiSettings, wanted: PartsOrder) -> bytes:
    """Write a bill. Nothing personal: the request's reason is free text and stays here."""
    root = _interface(settings, "add", display="出库单", family="库存管理")
    bill = SubElement(root, _ROOT_TAG)
    head = SubElement(bill, "header")
    fields: Mapping[str, str] = {
        "id": "",
        "receiveflag": "0",
        "vouchtype": _VOUCHER,
        "businesstype": "其他出库",
        "source": "库存",
        "date": wanted.day.isoformat(),
        "code": wanted.number,
        "memory": note_of(wanted),
        "iscomplement": "0",
        **settings.head.fields,
    }
    for name, value in fields.items():
        SubElement(head, name).text = value
    body = SubElement(bill, "body")
    for part in wanted.parts:
        entry = SubElement(body, "entry")
        SubElement(entry, "inventorycode").text = part.part_no
        SubElement(entry, "quantity").text = str(part.quantity)
        SubElement(entry, "iexpiratdatecalcu").text = "0"
    return _written(root)


def by_number(settings: EaiSettings, number: str) -> bytes:
    """Ask for the bills of a number."""
    return _question(settings, _NUMBER_FIELD, number)


def by_note(settings: EaiSettings, note: str) -> bytes:
    """Ask for the bills with a note."""
    return _question(settings, _NOTE_FIELD, note)


def _question(settings: EaiSettings, field: str, value: str) -> bytes:
    root = _interface(settings, "query")
    asked = SubElement(root, _ROOT_TAG)
    for name, wanted, logic in (("cvouchtype", _VOUCHER, "and"), (field, value, "")):
        SubElement(asked, "field", {"display": "", "name": name, "operation": "=", "value": wanted, "logic": logic})
    return _written(root)


def _interface(settings: EaiSettings, proc: str, **more: str) -> Element:
    who = {"sender": settings.sender, "receiver": settings.receiver, "roottag": _ROOT_TAG, "docid": "", "proc": proc}
    return Element("ufinterface", {**who, "codeexchanged": "N", "exportneedexch": "N", "paginate": "0", **more})


def _written(root: Element) -> bytes:
    return _DECLARATION + bytes(tostring(root, encoding="utf-8", xml_declaration=False))


def read_reply(body: bytes, declared: str = "") -> EaiReply | None:
    """Read the reply to a bill; None when it is none to be believed. One item that failed is enough."""
    root = _root(body, declared)
    items = [] if root is None else root.findall("item")
    codes = [item.get("succeed", "").strip() for item in items]
    if not items or "" in codes:
        return None
    failed = next((number for number, code in enumerate(codes) if code != "0"), None)
    if failed is None:
        return EaiReply(ok=True)
    return EaiReply(ok=False, code=codes[failed], words=items[failed].get("dsc", "").strip())


def read_bills(body: bytes, declared: str = "") -> EaiBills | EaiReply | None:
    """Read the reply to a question: bills, a refusal, or nothing to be believed."""
    root = _root(body, declared)
    if root is None:
        return None
    heads = [head for bill in root.findall(_ROOT_TAG) if (head := bill.find("header")) is not None]
    if heads:
        return EaiBills(numbers=_texts(heads, "code"), notes=_texts(heads, "memory"))
    reply = read_reply(body, declared)
    if reply is not None and not reply.ok:
        return EaiBills(numbers=(), notes=()) if reply.about is U8Says.NONE_FOUND else reply
    # The reply to a bill that was added names it, and its root is not that of bills.
    asked_for_bills = root.get("roottag") == _ROOT_TAG and root.get("proc", "query").lower() == "query"
    return EaiBills(numbers=(), notes=()) if reply is None and asked_for_bills and not len(root) else None


def is_well(body: bytes) -> bool:
    """Say whether the page that EAI shows to a browser says that it is well."""
    return "正常" in decoded(body)


def _texts(heads: Sequence[Element], name: str) -> Sequence[str]:
    return [(head.findtext(name) or "").strip() for head in heads]


def _root(body: bytes, declared: str) -> Element | None:
    """Parse a reply, whatever charset it comes in; a document type or an entity makes it none."""
    root = xml_root(decoded(body, declared).lstrip("\ufeff").strip())
    return root if root is not None and root.tag in _ROOTS else None
