"""The XML of U8's EAI: what is written, and what replies are read as; document types and entities make none."""

from xml.etree.ElementTree import fromstring

import pytest

from adapters.adapter import EnvironmentSecrets
from adapters.u8.bill import order_of
from adapters.u8.eai_xml import EaiBills, EaiReply, adding, by_note, by_number, is_well, read_bills, read_reply
from adapters.u8.options import EaiSettings, U8EaiOptions
from adapters.u8.words import U8Says
from tests.adapters.u8_calls import SECRETS, call, number_of, simulated

ITEM = '<item key="" succeed="%s" dsc="%s" u8key=""/>'
NOTHING = EaiBills(numbers=(), notes=())


def settings(**own: object) -> EaiSettings:
    options = U8EaiOptions.model_validate({**simulated().eai_options("U8_SENDER"), **own})
    return options.settings(EnvironmentSecrets(environment=SECRETS, where="t"))


def reply(*items: str, root: str = "ufinterface", tag: str = "return") -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><{root} roottag="{tag}">{"".join(items)}</{root}>'.encode()


def bills(*numbers: str, proc: str = "Query") -> bytes:
    heads = "".join(f"<storeout><header><code>{one}</code><memory>n</memory></header></storeout>" for one in numbers)
    return f'<ufinterface roottag="storeout" proc="{proc}">{heads}</ufinterface>'.encode()


def test_u8_eai_xml_a_bill_is_written_as_u8s_template_has_it() -> None:
    asked = call()
    root = fromstring(adding(settings(templatenumber="85", defines={"define2": "a<b&\"c'"}), order_of(asked)))  # noqa: S314 - our own
    assert dict(root.attrib) == {
        "sender": SECRETS["U8_SENDER"], "receiver": "u8", "roottag": "storeout", "docid": "", "proc": "add",
        "codeexchanged": "N", "exportneedexch": "N", "paginate": "0", "display": "出库单", "family": "库存管理",
    }  # fmt: skip
    assert {one.tag: one.text or "" for one in root.iterfind("storeout/header/*")} == {
        "id": "", "receiveflag": "0", "vouchtype": "09", "businesstype": "其他出库", "source": "库存",
        "date": "2026-11-22", "code": number_of(asked), "memory": "T20261122-000001 PR-1", "iscomplement": "0",
        "warehousecode": "01", "receivecode": "21", "templatenumber": "85", "define2": "a<b&\"c'",
    }  # fmt: skip
    assert [[(one.tag, one.text) for one in entry] for entry in root.iterfind("storeout/body/entry")] == [
        [("inventorycode", "PUMP-7"), ("quantity", "2"), ("iexpiratdatecalcu", "0")],
        [("inventorycode", "SEAL-1"), ("quantity", "1"), ("iexpiratdatecalcu", "0")],
    ]
    assert "13800001111" not in adding(settings(), order_of(asked)).decode()


def test_u8_eai_xml_questions_are_asked_by_one_field_of_this_kind_of_bill() -> None:
    for written, name, value in (
        (by_number(settings(), "TB2"), "ccode", "TB2"),
        (by_note(settings(), "n"), "cmemo", "n"),
    ):
        root = fromstring(written)  # noqa: S314 - our own
        assert root.get("proc") == "query"
        asked = [(one.get("name"), one.get("operation"), one.get("value")) for one in root.iter("field")]
        assert asked == [("cvouchtype", "=", "09"), (name, "=", value)]


@pytest.mark.parametrize("root", ["ufinterface", "finterface"])
def test_u8_eai_xml_zero_is_success_and_every_item_has_to_have_it(root: str) -> None:
    assert read_reply(reply(ITEM % ("0", ""), root=root)) == EaiReply(ok=True)
    assert read_reply(reply(ITEM % ("0", "ok"), ITEM % ("0", ""))) == EaiReply(ok=True)
    failed = EaiReply(ok=False, code="101", words="已经月结")
    assert read_reply(reply(ITEM % ("0", "ok"), ITEM % ("101", " 已经月结 "), ITEM % ("1", "x"))) == failed
    for code in ("1", "-1", "true", "00"):
        assert read_reply(reply(ITEM % (code, ""))) == EaiReply(ok=False, code=code)


@pytest.mark.parametrize("charset", ["utf-8", "gbk", "gb18030", "utf-16"])
def test_u8_eai_xml_a_reply_is_read_in_whatever_charset_it_comes(charset: str) -> None:
    text = f'<?xml version="1.0" encoding="utf-8"?><ufinterface>{ITEM % ("1", "现存量不足")}</ufinterface>'
    read = read_reply(text.encode(charset), "utf-16" if charset == "utf-16" else "")
    assert read is not None
    assert read.about is U8Says.SHORT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"false",
        "正常".encode(),
        b"<html><body>An error occurred on the server</body></html>",
        b"<ufinterface",
        b"<ufinterface/>",
        reply(),
        reply('<item dsc="" key=""/>'),
        reply('<item succeed="" dsc=""/>'),
        b'<other><item succeed="0"/></other>',
        b'<ufinterface><inner><item succeed="0"/></inner></ufinterface>',
        b'<!DOCTYPE ufinterface><ufinterface><item succeed="0"/></ufinterface>',
        b'<!DOCTYPE u [<!ENTITY a "0">]><ufinterface><item succeed="&a;"/></ufinterface>',
        b'<!DOCTYPE u [<!ENTITY a SYSTEM "file:///etc/passwd">]><ufinterface><item succeed="0"/></ufinterface>',
        b"<a>" * 20_000,
    ],
)
def test_u8_eai_xml_what_is_no_reply_tells_nothing(body: bytes) -> None:
    assert read_reply(body) is None
    assert read_bills(body) is None


def test_u8_eai_xml_nothing_is_there_only_where_a_reply_to_the_question_says_so() -> None:
    assert read_bills(bills()) == NOTHING
    assert read_bills(reply(ITEM % ("1", "没有符合条件的数据"))) == NOTHING
    refused = read_bills(reply(ITEM % ("1", "注册号不正确")))
    assert isinstance(refused, EaiReply)
    assert refused.about is U8Says.NO_RIGHT
    for other in (reply(ITEM % ("0", "")), bills(proc="add"), reply(tag="storeout", root="other")):
        assert read_bills(other) is None, other


def test_u8_eai_xml_bills_are_known_by_the_number_in_their_heads() -> None:
    there = read_bills(bills("TB2", "\uff34\uff22\uff13"))
    assert isinstance(there, EaiBills)
    assert [there.has(number) for number in ("TB2", "TB3", "TB22")] == [True, True, False]
    assert there.notes == ["n", "n"]


def test_u8_eai_xml_the_page_for_browsers_says_that_all_is_well() -> None:
    assert is_well("正常".encode())
    assert is_well("<p>正常</p>".encode("gbk"))
    assert not is_well(b"404")
