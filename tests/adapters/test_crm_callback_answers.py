"""Whatever a CRM puts into a 200: what says failure fails, what says done is done, and nothing else raises an alarm."""

import time
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from adapters.answers.judge import judge
from adapters.answers.names import role
from adapters.outbound_http import HttpResponse
from adapters.webhook_options import WebhookOptions
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.test_crm_callback_wire import NOW, PHONE

LIMIT = 65_536
JSON, TEXT, HTML, XML = "application/json;charset=UTF-8", "text/plain", "text/html; charset=utf-8", "text/xml"
SOAP = '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{}</soap:Body></soap:Envelope>'

# Bodies, as JSON where they are no text, that vendors send for what they took.
TAKEN: tuple[Any, ...] = (
    {"errcode": 0, "errmsg": "ok"},
    {"errcode": "0", "errmsg": ""},
    {"code": 0, "msg": "success", "data": {}},
    {"StatusCode": 0, "StatusMessage": "success", "code": 0},
    {"code": 200, "msg": "操作成功"},
    {"code": "0000", "message": "OK"},
    {"code": "00000"},
    {"code": 20000, "data": None},
    {"success": True, "code": "1000000000", "message": None},
    {"Code": "OK", "RequestId": "x"},
    {"success": True, "message": "", "code": 200, "result": {"status": "failed"}, "timestamp": 1},
    {"result": {"sys_id": "9d385017", "state": "1", "error": "x"}},
    {"id": "500xx000000bZgA", "success": True, "errors": []},
    {"Result": {"ResponseStatus": {"IsSuccess": True, "Errors": [], "SuccessEntitys": [{"Id": 1}], "MsgCode": 0}}},
    {"ok": True},
    {"success": "TRUE"},
    {"success": 1},
    {"result": "ok"},
    {"result": 1},
    {"status": "success"},
    {"status": "200 OK"},
    {"status": 200},
    {"status": 1},
    {"status": 0},
    {"code": None, "success": None, "error": None, "errors": []},
    {"code": {"deep": [PHONE]}},
    {"error": 0, "msg": ""},
    {"error": False},
    {},
    [],
    [{"success": True}],
    True,
    None,
    1,
)
REFUSED: tuple[Any, ...] = (
    {"errcode": 40001, "errmsg": "invalid credential"},
    {"errcode": "310000"},
    {"errCode": -1},
    {"err_code": 7},
    {"code": 9499, "msg": "too many request"},
    {"code": 500, "msg": "系统异常"},
    {"code": "A0001"},
    {"code": "isv.BUSINESS_LIMIT_CONTROL"},
    {"code": 1},
    {"Success": False},
    {"success": "FALSE"},
    {"SUCCESS": "no"},
    {"success": 0},
    {"ok": False, "error": "invalid_auth"},
    {"isSuccess": "N"},
    {"result": "FAIL"},
    {"result": "失败"},
    {"result": "失敗"},
    {"result": False},
    {"status": "failure", "error": {"message": "No such ticket"}},
    {"status": "error"},
    {"status": 500, "error": "Internal Server Error", "path": "/x"},
    {"status": -1},
    {"retCode": "9999"},
    {"ret_code": 3},
    {"returnCode": "FAIL"},
    {"head": {"retCode": "E1"}, "body": {}},
    {"meta": {"code": 401}},
    {"error": {"code": 0, "message": "x"}},
    {"errors": [{"message": "boom"}]},
    {"Result": {"ResponseStatus": {"ErrorCode": 500, "IsSuccess": False}}},
    {"errcode": 0, "success": False},
    {"status": "in_progress", "data": {"code": 500, "success": False}},
    [{"id": None, "success": False, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING"}]}],
    False,
)


def judged(body: bytes | str, media: str = JSON, *, longer: bool = False, **options: Any) -> DeliveryFailed | None:
    given = WebhookOptions(url="https://crm.example/x", secrets=("CRM_SECRET",), **options)
    raw = body.encode() if isinstance(body, str) else body
    answer = HttpResponse(
        status=200, headers={"content-type": media}, body=raw, longer=longer, cut="longer" if longer else ""
    )
    try:
        judge(answer, NOW, given.rule)
    except DeliveryFailed as failed:
        return failed
    return None


@pytest.mark.parametrize("body", TAKEN, ids=str)
def test_crm_callback_answers_what_was_taken_raises_no_alarm(body: Any) -> None:
    raw = orjson.dumps(body)
    for sent in (raw, b"\xef\xbb\xbf" + raw, orjson.dumps(raw.decode())):
        for media in (JSON, TEXT, HTML):
            assert judged(sent, media) is None


@pytest.mark.parametrize("body", REFUSED, ids=str)
def test_crm_callback_answers_what_failed_is_no_success(body: Any) -> None:
    raw = orjson.dumps(body)
    for sent in (raw, b"\xef\xbb\xbf" + raw, orjson.dumps(raw.decode())):
        for media in (JSON, TEXT, HTML):
            failed = judged(sent, media)
            assert failed is not None
            expected = FailureKind.THROTTLED if "too many" in str(body) else FailureKind.UNKNOWN
            assert failed.kind is expected


@pytest.mark.parametrize(
    ("body", "media", "done"),
    [
        ("ok", TEXT, True),
        ("OK", HTML, True),
        ("success", TEXT, True),
        ("No errors, 1 record", TEXT, True),
        ("已收到", TEXT, True),
        ("fail", TEXT, False),
        ("FAILURE", HTML, False),
        ("失败\uff0c工单不存在", TEXT, False),
        ("Error: no such ticket", TEXT, False),
        ("false", TEXT, False),
        ("<html><body>login</body></html>", HTML, False),
        ("<!DOCTYPE html><html><head><title>x</title></head></html>", TEXT, False),
        ("<h1>It works</h1>", HTML, False),
        ("<br />\n<b>Fatal error</b>: Uncaught", XML, False),
        ('{"code":0', TEXT, False),
        ("ok", JSON, True),
        ("{", JSON, False),
        (SOAP.format("<soap:Fault><faultcode>soap:Server</faultcode></soap:Fault>"), XML, False),
        (SOAP.format("<SendResponse xmlns='urn:x'><SendResult>true</SendResult></SendResponse>"), XML, True),
        (SOAP.format("<SendResponse xmlns='urn:x'><SendResult>false</SendResult></SendResponse>"), XML, False),
        (SOAP.format("<SendResponse><code>0</code><msg>ok</msg></SendResponse>"), XML, True),
        (SOAP.format("<SendResponse><code>7</code><msg>no</msg></SendResponse>"), XML, False),
        ('<string xmlns="http://tempuri.org/">{"code":1}</string>', XML, False),
        ('<string xmlns="http://tempuri.org/">{"code":0}</string>', XML, True),
        ('<?xml version="1.0" encoding="GBK"?><xml><return_code>FAIL</return_code></xml>', HTML, False),
        ("<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>", XML, True),
        ('<response status="error"/>', XML, False),
        ("<ticket><Fault>pump</Fault></ticket>", XML, True),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a><code>&b;</code></a>', XML, False),
    ],
)
def test_crm_callback_answers_words_and_documents_are_read(body: str, media: str, done: bool) -> None:
    assert (judged(body, media) is None) is done


def test_crm_callback_answers_gbk_is_read() -> None:
    assert judged('{"code":1,"msg":"工单不存在,请稍后"}'.encode("gbk")) is not None
    assert judged('{"code":0,"msg":"处理成功"}'.encode("gbk")) is None
    assert judged("失败".encode("gbk"), TEXT) is not None


@pytest.mark.parametrize(
    ("beginning", "done"),
    [
        ('{"code":0,"data":"', True),
        ('{"code" : 200 , "data":[', True),
        ('{"code":7,"data":"', False),
        ('{"data":{"x":1},"success":false,"more":"', False),
        ('{"log":"', True),
        ("[1,2,", True),
        ('[{"success":false},{"x":"', False),
        ("<r><code>0</code><log>", True),
        ("<r><code>7</code><log>", False),
        ("<html><body>", False),
        ("{" * 3, False),
        ("[" * LIMIT, True),
        ("yyyy", False),
        (" " * LIMIT, False),
        ('{"a":1,' * 9_000, True),
    ],
)
def test_crm_callback_answers_a_long_one_is_judged_by_its_beginning(beginning: str, done: bool) -> None:
    began = time.process_time()
    filler = " " if beginning.isspace() else "y"
    assert (judged((beginning + filler * LIMIT)[:LIMIT], TEXT, longer=True) is None) is done
    assert time.process_time() - began < 2, "in linear time"


def test_crm_callback_answers_a_number_that_is_cut_is_not_taken_for_a_shorter_one() -> None:
    long = '{"log":"' + "y" * (LIMIT - 19) + '","code":0'
    assert judged(long, longer=True) is None
    assert judged('{"code":20', longer=True) is None, "it may become 200"


@pytest.mark.parametrize(
    ("options", "body", "done"),
    [
        ({"done_when": {"code": [1]}}, '{"code":1}', True),
        ({"done_when": {"code": [1]}}, '{"code":"1","success":false}', True),
        ({"done_when": {"code": [1]}}, '{"code":0}', False),
        ({"done_when": {"code": [1]}}, "{}", True),
        ({"done_when": {"code": [1]}, "unclear": "unknown"}, "{}", False),
        ({"done_when": {"code": [1]}, "unclear": "unknown"}, "", False),
        ({"done_when": {"code": [1]}, "unclear": "unknown"}, "OK", False),
        ({"done_when": {"code": [1]}, "unclear": "unknown"}, "true", False),
        ({"done_when": {"code": [1]}, "unclear": "unknown"}, '"success"', False),
        ({"done_when": {"code": [1]}, "unclear": "unknown"}, "<string>ok</string>", False),
        ({"done_when": {"code": [1]}, "unclear": "unknown"}, '<string>{"code":1}</string>', True),
        ({"done_when": {"code": [1]}}, "OK", True),
        ({"done_when": {"code": [1]}}, "fail", False),
        ({"done_when": {"Data.Is_OK": [True, "Y"]}}, '{"data":{"isOk":"y"}}', True),
        ({"done_when": {"Data.Is_OK": [True, "Y"]}}, '{"data":{"isOk":false}}', False),
        ({"done_when": {"item.succeed": [0]}}, '<ufinterface><item succeed="0" dsc=""/></ufinterface>', True),
        ({"done_when": {"item.succeed": [0]}}, '<ufinterface><item succeed="3" dsc=""/></ufinterface>', False),
        ({"done_when": {"item.succeed": [0]}}, '<r><item succeed="0"/><item succeed="1"/></r>', False),
        ({"done_when": {"item.succeed": [0]}}, '<r><item succeed="0"/><item succeed="0"/></r>', True),
        ({"done_when": {"status": ["1"]}}, '{"status":0}', False),
        ({"done_when": {}}, '{"code":500}', True),
        ({"done_when": {}}, "<html></html>", True),
        ({"unclear": "unknown"}, '{"id":1}', False),
        ({"unclear": "unknown"}, '{"code":0}', True),
    ],
)
def test_crm_callback_answers_a_targets_file_says_what_counts(options: dict[str, Any], body: str, done: bool) -> None:
    assert (judged(body, TEXT, **options) is None) is done


@pytest.mark.parametrize("wrong", [{"": [1]}, {"a..b": [1]}, {"code": []}, {"code": [{"x": 1}]}, {"a b": [1]}])
def test_crm_callback_answers_fields_that_cannot_be_are_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="done_when"):
        WebhookOptions(url="https://crm.example/x", secrets=("CRM_SECRET",), done_when=wrong)


def test_crm_callback_answers_the_field_that_failed_is_named_with_its_code() -> None:
    failed = judged('{"errcode":47001,"errmsg":"x"}')
    assert failed is not None
    zh, en = "应答中 errcode 表示失败", "errcode in its answer tells of a failure"
    assert (failed.detail, failed.code) == (f"HTTP 200, {zh} / {en}", "47001")


def test_crm_callback_answers_names_that_come_again_are_not_searched_again() -> None:
    names = [f"field{number}" for number in range(40)]
    judged(orjson.dumps({"code": 0, "msg": "成功", **dict.fromkeys(names, "x")}))
    before = role.cache_info().misses
    judged(orjson.dumps({"code": 0, "msg": "成功", **dict.fromkeys(names, "y")}))
    assert role.cache_info().misses == before
