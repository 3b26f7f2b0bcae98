"""What answers of U8 OpenAPI are read as: codes as text or number, pages counted in texts, other calls' answers."""

from typing import Any

import orjson
import pytest

from adapters.u8.bill import U8Bill
from adapters.u8.openapi_answers import BillPage, OpenApiAnswer, bill_of, read, read_page
from adapters.u8.words import U8Says

DONE = {"errcode": "0", "errmsg": "", "id": "TB2", "tradeid": "t"}


def read_json(**content: Any) -> OpenApiAnswer:
    answer = read(orjson.dumps(content))
    assert answer is not None
    return answer


@pytest.mark.parametrize("code", ["0", 0, " 0 "])
def test_u8_openapi_answers_errcode_comes_as_text_and_as_number(code: object) -> None:
    answer = read_json(errcode=code, id="TB2")
    assert (answer.ok, answer.made, answer.later) == (True, True, False)


@pytest.mark.parametrize("code", ["30012", 30012])
def test_u8_openapi_answers_a_refusal_is_known_by_either(code: object) -> None:
    assert read_json(errcode=code, errmsg="x").about is U8Says.TOKEN_LOST


@pytest.mark.parametrize("code", [None, True, "", [], {}])
def test_u8_openapi_answers_without_an_errcode_say_nothing_of_success(code: object) -> None:
    assert not read_json(errcode=code, id="TB2").ok


def test_u8_openapi_answers_are_read_behind_marks_inside_strings_and_in_gbk() -> None:
    plain = orjson.dumps(DONE)
    for body in (plain, b"\xef\xbb\xbf" + plain, orjson.dumps(plain.decode())):
        answer = read(body)
        assert answer is not None
        assert answer.ok
    refused = read('{"errcode":"20005","errmsg":"单据号重复"}'.encode("gbk"))
    assert refused is not None
    assert refused.words == "单据号重复"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"7", b"ok", b"<html></html>", b"{", b"[" * 900, b"\xff"])
def test_u8_openapi_answers_what_is_no_object_is_no_answer(body: bytes) -> None:
    assert read(body) is None


def test_u8_openapi_answers_an_address_instead_of_a_result_means_later() -> None:
    assert read_json(url="https://x/result?requestid=1").later
    assert read_json(errcode="0", errmsg="", tradeid="t", url="https://x/result?requestid=1").later
    assert not read_json(errcode="0", id="TB2", url="https://x/").later
    assert not read_json(errcode="20005", url="https://x/").later


@pytest.mark.parametrize(
    ("content", "is_result"),
    [
        (DONE, True),
        ({"errcode": "20005", "errmsg": "单据号重复"}, True),
        ({"errcode": "30025", "errmsg": "操作正在执行"}, False),
        ({"errcode": "0", "errmsg": "正在处理"}, False),
        ({"errcode": "20002", "errmsg": "未检索到匹配的[请求]"}, False),
        ({"url": "https://x/result?requestid=1"}, False),
        ({"errmsg": ""}, False),
    ],
)
def test_u8_openapi_answers_a_result_that_is_not_there_yet_is_none(content: dict[str, Any], is_result: bool) -> None:
    assert read_json(**content).is_result is is_result


def test_u8_openapi_answers_of_another_call_make_nothing_and_audit_nothing() -> None:
    token = {"errcode": "0", "token": {"id": "t", "appKey": "k", "expiresIn": 7200}}
    assert read_json(**token).token == "t"
    for other in (token, {"errcode": "0", "otheroutlist": []}, {"errcode": "0", "trade": {"id": "1"}}):
        answer = read_json(**other)
        assert (answer.made, answer.bare) == (False, False)
    assert read_json(errcode="0", errmsg="").bare


def page(**content: Any) -> BillPage | None:
    return read_page(read_json(errcode="0", errmsg="", **content))


def test_u8_openapi_answers_a_page_has_its_numbers_as_texts_or_not() -> None:
    rows = [{"code": "TB2"}]
    for count in ("3", 3):
        assert page(page_index="1", page_count=count, row_count="51", otheroutlist=rows) == BillPage(
            rows=rows, pages=3, count=51
        )
    assert page(otheroutlist=rows) == BillPage(rows=rows, pages=1)


def test_u8_openapi_answers_none_is_there_only_where_a_list_says_so() -> None:
    nothing = BillPage(rows=(), pages=0)
    assert page(row_count="0") == nothing
    assert page(row_count=0, page_count="0") == nothing
    assert page(otheroutlist=[], row_count="0") == BillPage(rows=[], pages=1, count=0)
    assert read_page(read_json(errcode="20002", errmsg="未检索到匹配的[其他出库单]。")) == nothing
    assert read_page(read_json(errcode="30012", errmsg="token已过期")) is None
    others: tuple[dict[str, Any], ...] = (
        {}, {"row_count": "1"}, {"otheroutlist": {}}, {"otheroutlist": ["x"]}, {"id": "TB2"},
    )  # fmt: skip
    for other in others:
        assert page(**other) is None, other


def test_u8_openapi_answers_a_bill_is_ours_by_its_number_and_the_audited_one_counts() -> None:
    assert bill_of([{"code": "TB2"}, {"code": "TB2", "handler": "demo"}], "TB2") == U8Bill(audited=True)
    assert bill_of([{"code": "\uff34\uff22\uff12 "}], "TB2") == U8Bill(audited=False), "books hold some in full width"
    assert bill_of([{"code": "TB22"}, {"code": None}, {}], "TB2") is None
    for row, audited in (
        ({"state": "审核"}, True),
        ({"state": "未审核"}, False),
        ({"state": "开立"}, False),
        ({"verifier": "demo"}, True),
        ({"handler": ""}, False),
        ({"handler": None}, False),
    ):
        assert bill_of([{"code": "TB2", **row}], "TB2") == U8Bill(audited=audited), row
