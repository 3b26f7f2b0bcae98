"""People read a vendor's own words: out of JSON, XML, SOAP and pages, packed or not."""

import asyncio
import gzip
import zlib

import orjson
import pytest

from adapters.answers.judge import judge
from adapters.answers.names import FieldRole, call_name, role
from adapters.answers.text import CHARS_MAX, readable
from adapters.contract_suites.faulty_ways import listening, read_message
from adapters.outbound_http import Deadline, HttpResponse, OutboundHttp
from bus.delivery.target import DeliveryFailed
from tests.adapters.test_crm_callback_vendors import FAULT12, SOAP12
from tests.adapters.test_crm_callback_wire import NOW

FAULT11 = "<s:Envelope xmlns:s='x'><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>{}</faultstring>"
REFUSAL = orjson.dumps({"code": 7, "msg": "工单不存在"})
BYTES_MAX = 1_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"errcode":40001,"errmsg":"invalid credential"}', "invalid credential"),
        ('{"code":7,"msg":"工单\\u4e0d存在","data":null}', "工单不存在"),
        ('{"error":{"code":"SY/530","message":{"lang":"zh","value":"单据已锁定"}}}', "单据已锁定"),
        ('{"success":false,"errors":[{"message":"a"},{"message":"b"},{"message":"a"}]}', "a; b"),
        ('{"errorMessages":["no such issue"],"errors":{}}', "no such issue"),
        ('{"Message":"An error has occurred.","ExceptionMessage":"boom"}', "An error has occurred.; boom"),
        ('{"code":7}', '{"code":7}'),
        ('{"msg":""}', '{"msg":""}'),
        (SOAP12.format(FAULT12), "Processing error"),
        (FAULT11.format("工单 &lt;T1&gt; 不存在"), "工单 <T1> 不存在"),
        (FAULT11.format("<![CDATA[a < b]]>"), "a < b"),
        ("<xml><return_code>FAIL</return_code><return_msg>签名失败</return_msg></xml>", "签名失败"),
        ("<r><x>a</x><y>b</y></r>", "a b"),
        ("<html><head><title>502</title></head><body>Bad <b>Gateway</b></body></html>", "502 Bad Gateway"),
        ("plain words", "plain words"),
    ],
)
def test_answer_text_gives_the_words_of_a_message(body: str, words: str) -> None:
    assert readable(body.encode()) == words


def test_answer_text_of_anything_is_short_and_soon_there() -> None:
    for body in (b"<a>" * 99_999, b"<message>" * 99_999, b'[{"msg":' * 900, b"\xff" * 99_999):
        assert len(readable(body)) <= CHARS_MAX


@pytest.mark.parametrize(("body", "code"), [(SOAP12.format(FAULT12), "Sender"), (FAULT11.format("x"), "Client")])
def test_answer_text_a_faults_code_stands_beside_its_words(body: str, code: str) -> None:
    whole = body if body.endswith("</env:Envelope>") else f"{body}</s:Fault></s:Body></s:Envelope>"
    with pytest.raises(DeliveryFailed) as failed:
        judge(HttpResponse(status=200, headers={"content-type": "text/xml"}, body=whole.encode()), NOW)
    assert failed.value.code == code


async def answer_to(body: bytes, encoding: str) -> HttpResponse:
    """Give what is read of an answer that was sent packed, unasked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    http = OutboundHttp(headers={}, connections_max=1, answer_bytes_max=BYTES_MAX)
    async with listening(serve) as address:
        try:
            return await http.post(f"http://{address}", b"{}", {}, Deadline.after(30))
        finally:
            await http.close()


async def test_answer_text_a_packed_answer_is_unpacked_and_judged() -> None:
    for encoding, packed in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        refusal, done = await answer_to(packed(REFUSAL), encoding), await answer_to(packed(b'{"code":0}'), encoding)
        with pytest.raises(DeliveryFailed) as failed:
            judge(refusal, NOW)
        assert (failed.value.message, failed.value.code) == ("工单不存在", "7")
        judge(done, NOW)


async def test_answer_text_what_unpacks_to_too_much_is_cut_and_what_is_broken_stays_packed() -> None:
    bomb = await answer_to(gzip.compress(b'{"code":0,"x":"' + b"y" * 500_000), "gzip")
    assert (bomb.longer, len(bomb.body)) == (True, BYTES_MAX)
    for body, encoding in ((b"abc", "gzip"), (gzip.compress(REFUSAL)[:-9], "gzip"), (REFUSAL, "br")):
        with pytest.raises(DeliveryFailed, match="its answer is packed"):
            judge(await answer_to(body, encoding), NOW)


NAMES = """失败原因 错误信息 返回信息 提示信息 错误消息 说明 failReason statusText info message errMsg retMsg
    errorMessage desc resultDesc msg returnMessage error_description userMessage exception detail tips bizMsg sub_msg
    msgText messageData reason dsc 原因 失败说明 X_MSG_DATA RESP_DESC"""


@pytest.mark.parametrize("name", NAMES.split())
def test_answer_text_what_an_answer_is_judged_by_is_shown(name: str) -> None:
    assert role(call_name(name)) in (FieldRole.MESSAGE, FieldRole.ERROR_TEXT)
    assert readable(orjson.dumps({"code": 1, name: "库存不足"})) == "库存不足"


@pytest.mark.parametrize("name", ["techMessage", "errors", "errorMessages"])
def test_answer_text_other_texts_for_people_are_shown_too(name: str) -> None:
    assert readable(orjson.dumps({"code": 1, "lastMessage": "x", name: "库存不足"})) == "库存不足"
