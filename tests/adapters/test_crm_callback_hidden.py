"""Failures with HTTP 200 under names, letters, counts and words that are easily read past; and their good twins."""

from typing import Any, Final

import pytest

from adapters.answers.judge import judge
from adapters.outbound_http import HttpResponse
from bus.delivery.target import DeliveryFailed
from tests.adapters.test_crm_callback_families import judged
from tests.adapters.test_crm_callback_vendors import SOAP12
from tests.adapters.test_crm_callback_wire import NOW

STRING: Final = '<string xmlns="http://tempuri.org/">{}</string>'
UPDATED: Final = SOAP12.format("<UpdateResponse><UpdateResult>{}</UpdateResult></UpdateResponse>")
EXPORT: Final = "<EXPORT><EV_TYPE>{}</EV_TYPE><EV_MESSAGE>工单 7</EV_MESSAGE></EXPORT>"
YONBIP: Final = {"code": "200", "message": "操作成功"}
NUMBERS_BAD: Final[tuple[Any, ...]] = (-1, -2, "-1", '"-1"', STRING.format("-1"), UPDATED.format("-1"))
NUMBERS_GOOD: Final[tuple[Any, ...]] = (1, "1", 7, STRING.format("1"), UPDATED.format("1"), UPDATED.format("0"))
ENVELOPES_BAD: Final[tuple[Any, ...]] = (
    {"X_RETURN_STATUS": "E", "X_MSG_DATA": "操作失败"},
    {"X_RETURN_STATUS": "E", "X_MSG_COUNT": 1, "X_MSG_DATA": "x"},
    {"X_RETURN_STATUS": "U", "X_MSG_COUNT": 1, "X_MSG_DATA": None},
    {"X_RETURN_STATUS": "U", "X_MSG_DATA": "ORA-00001: unique constraint (APPS.X) violated"},
    {"OutputParameters": {"X_RETURN_STATUS": "E", "X_MSG_COUNT": "1", "X_MSG_DATA": "x"}},
    {"OutputParameters": {"X_MSG_DATA": "ORA-06512: at line 7"}},
    {"O_RETURN_STATUS": "ERROR"},
    {"P_STATUS": "ERROR", "P_MESSAGE": "x"},
    {"O_FLAG": "N", "O_MSG": "x"},
    {"p_ret_code": "1"},
    {"EXPORT": {"EV_TYPE": "E", "EV_MESSAGE": "工单 7"}},
    {"EXPORT": {"EV_TYPE": "E", "EV_MESSAGE": "工单 7"}, "TABLES": {"T_ITEM": []}},
    EXPORT.format("A"),
    {"ZTYPE": "E", "ZMSG": "x"},
    {"Z_TYPE": "E", "Z_MESSAGE": "x"},
    {"messageType": "E", "messageText": "x"},
    {"msgCode": "E", "msgText": "x"},
    {"E_SUBRC": "4"},
    {"ES_RETURN": {"TYPE": "E", "MESSAGE": "x"}},
)
ENVELOPES_GOOD: Final[tuple[Any, ...]] = (
    {"X_RETURN_STATUS": "S", "X_MSG_COUNT": 0, "X_MSG_DATA": None},
    {"OutputParameters": {"X_RETURN_STATUS": "S", "X_MSG_DATA": "处理完成"}},
    {"O_FLAG": "Y", "O_MSG": ""},
    {"EXPORT": {"EV_TYPE": "S", "EV_MESSAGE": "工单 7"}},
    EXPORT.format("S"),
    {"ZTYPE": "S", "ZMSG": "x"},
    {"messageType": "W", "messageText": "x"},
    {"E_SUBRC": "0"},
    {"X_ID": 7, "P_TYPE": "E", "P_NAME": "x"},
    {"msgCode": "0", "msgText": ""},
)
ITEM: Final = "<item><TYPE>{}</TYPE><ID>V1</ID><NUMBER>311</NUMBER><MESSAGE>工单 7</MESSAGE></item>"
SAP_ROWS: Final = "<ZTICKETResponse><RETURN>{}</RETURN></ZTICKETResponse>"
REPEATS_BAD: Final[tuple[Any, ...]] = (
    SAP_ROWS.format(ITEM.format("S") + ITEM.format("E")),
    SOAP12.format(SAP_ROWS.format(ITEM.format("S") + ITEM.format("W") + ITEM.format("A"))),
    "<r><code>0</code><code>7</code></r>",
    '<r code="0"><code>7</code></r>',
    "<r><msg>成功</msg><msg>更新失败</msg></r>",
    {"message": ["更新失败"]},
)
REPEATS_GOOD: Final[tuple[Any, ...]] = (
    SAP_ROWS.format(ITEM.format("S") * 2),
    "<r><code>0</code><code>0</code></r>",
    "<r><ticket><id>7</id><status>failed</status></ticket><ticket><id>8</id><status>failed</status></ticket></r>",
    {"message": ["已保存"]},
)
BATCHES_BAD: Final[tuple[Any, ...]] = (
    {"compositeResponse": [{"body": [], "httpHeaders": {}, "httpStatusCode": 404, "referenceId": "a"}]},
    {"code": "000000", "result": [{"from": "1", "smsMsgId": "d6", "status": "000000"}, {"status": "E200027"}]},
    {"code": "000000", "result": [{"from": "1", "smsMsgId": "d6", "status": "E200027"}]},
    {"job_status": {"id": "82", "status": "failed", "message": "x", "results": []}},
    {"job_status": {"id": "82", "status": "completed", "results": [{"index": 0, "id": 7, "success": False}]}},
    {"result": None, "unAuthorizedRequest": True, "__abp": True},
    {"code": 200, "data": 0, "message": "操作异常", "id": 7},
)
BATCHES_GOOD: Final[tuple[Any, ...]] = (
    {"compositeResponse": [{"body": {"id": "7"}, "httpHeaders": {}, "httpStatusCode": 201, "referenceId": "a"}]},
    {"code": "000000", "result": [{"from": "1", "smsMsgId": "d6", "status": "000000"}]},
    {"job_status": {"id": "82", "status": "completed", "results": [{"index": 0, "id": 7, "success": True}]}},
    {"result": {"id": 7}, "success": True, "error": None, "unAuthorizedRequest": False, "__abp": True},
    {"code": 200, "data": 0, "message": "ok"},
    {"code": 0, "data": [{"id": "7", "status": "E5"}]},
)
COUNTS_BAD: Final[tuple[Any, ...]] = (
    YONBIP | {"data": {"sucessCount": 0, "failCount": 1, "messages": ["单据编码重复: X"]}},
    YONBIP | {"data": {"failList": [{"id": "7", "reason": "x"}]}},
    YONBIP | {"data": {"batchId": "B7", "successCount": 2, "failureNum": "1"}},
    {"code": 0, "data": [{"id": "7", "result": "fail"}]},
    {"code": 0, "data": [{"ticketId": "7", "success": True}, {"ticketId": "8", "success": False}]},
    {"total": 1, "fail": 1, "succ": 0},
    {"errorCount": 1, "successCount": 0},
    {"code": 200, "errorCount": 2},
    {"failed_ids": ["T1"], "code": 0},
)
COUNTS_GOOD: Final[tuple[Any, ...]] = (
    YONBIP | {"data": {"sucessCount": 1, "failCount": 0, "messages": []}},
    YONBIP | {"data": {"failList": [], "successList": ["7"]}},
    {"code": 0, "data": [{"id": "7", "result": "ok"}]},
    {"code": 0, "data": [{"id": "7", "status": "failed", "title": "水泵"}]},
    {"code": 0, "data": {"deviceId": "7", "errorCount": 3}},
    {"id": 7, "failCount": 3, "name": "水泵"},
    {"total": 1, "fail": 0, "succ": 1},
    {"failCount": 0},
    {"code": 0, "failCount": "0"},
    {"errorCount": None, "code": 0},
)
NAMES_BAD: Final[tuple[Any, ...]] = (
    {"result": "N", "text": "x"},
    {"status": "N", "msg": "x"},
    {"hasErrors": True},
    {"hasFailures": True},
    {"isSucc": 0},
    {"isOk": 0},
    {"Flag": 0, "Message": "参数不全"},
    {"opSuccess": False},
    {"update_ok": False},
    {"handleResult": False},
    {"handleResult": "false"},
    {"processResult": "fail"},
    {"bizCode": "fail"},
    {"rst": "fail"},
    {"ask": "Failure", "message": "x"},
    {"errs": ["x"]},
    {"操作结果": "失败"},
    {"结果": "失败"},
    {"返回码": "7", "返回信息": "x"},
    {"code": 200, "data": False},
    {"code": 200, "msg": "操作成功", "data": False},
    {"code": 200, "data": {"result": False}},
    {"code": 200, "data": {"opSuccess": False}},
    {"status": 201001, "status_info": {"message": "登录凭证不合法或者已过期"}},
    {"code": 201, "msg": "请登录后操作", "data": {"err_msg": "用户未登录"}},
    {"code": 0, "data": {"err_msg": "x"}},
    {"result_code": 20000, "error_body": {"user_message": "用户名或密码不正确"}},
)
NAMES_GOOD: Final[tuple[Any, ...]] = (
    {"result": "Y"},
    {"result": "Y", "msg": "x"},
    {"status": "Y", "msg": "x"},
    {"id": 7, "status": "N", "title": "x"},
    {"hasErrors": False},
    {"isSucc": 1},
    {"opSuccess": True},
    {"handleResult": True},
    {"processResult": "ok"},
    {"id": 7, "testResult": False, "repairResult": "fail"},
    {"hasResult": False, "code": 0},
    {"tokenOk": True, "broken": False, "code": 0},
    {"bizCode": "TICKET_UPDATE", "code": 0},
    {"ask": "Success", "message": "x"},
    {"errs": []},
    {"操作结果": "成功"},
    {"返回码": "0", "返回信息": "x"},
    {"code": 200, "data": True},
    {"code": 200, "data": None},
    {"code": 0, "data": {"id": 7, "result": False}},
    {"code": 0, "data": {"result": True}},
    {"status": 1, "status_info": {"message": "成功"}},
    {"code": 0, "data": {"err_msg": ""}},
    {"returnStatus": "S", "returnCode": "A0001", "returnMsg": "成功"},
    {"returnCode": "AAAAAAA", "returnMsg": "交易成功"},
    {"retcode": 0, "data": {"errorCode": "E5"}},
    {"retcode": 0, "retmsg": "ok", "data": {"errorCode": "E5", "errorDesc": "水位过高"}},
)
WORDS_BAD: Final[tuple[str, ...]] = (
    *("Service Currently Unavailable", "INVALID_USER_KEY", "DAILY_QUERY_OVER_LIMIT", "SERVICE_NOT_AVAILABLE"),
    *("该工单已关闭,请勿重复操作", "接口已下线", "租户已停用", "账号已欠费", "账号被禁用", "ip不在白名单", "请先登录"),
    *("未将对象引用设置到对象的实例\u3002", "Object reference not set to an instance of an object."),
    *("Duplicate entry '7' for key 'PRIMARY'", "Data too long for column 'memo' at row 1", "参数不全"),
    *("Deadlock found when trying to get lock", "违反了 PRIMARY KEY 约束", "数据库连接断开", "处理中断"),
    *("系统开小差了", "更新失敗", "单据编码重复", "insufficient privileges", "IP is not in the whitelist"),
)
WORDS_GOOD: Final[tuple[str, ...]] = (
    *("成功", "NO_ERROR", "工单已关闭", "已受理,请登录系统查看", "操作成功,设备已下线", "已更新,设备已停用"),
    *("Duplicate, already received", "已记录: 通讯中断", "SUCCESS_OK", "重复请求,忽略", "水泵已断开电源,处理完成"),
)
VERDICTS_BAD: Final[tuple[Any, ...]] = (
    {"stat": "fail"}, {"state": "FAILURE"}, {"outcome": "FAILURE"}, 'callback({"code":1,"success":false})',
    '/**/ app.done({"code":1});', {"processed": 0, "rejected": 1}, {"validationErrors": ["title"]},
    {"notProcessed": ["T1"]}, {"not_processed": 1}, {"status": "KO"}, {"result": "ko"}, "KO",
    {"status": "unsuccessful"}, {"result": "不成功"}, {"valid": False}, {"isValid": "false"}, {"statut": "erreur"},
    {"statut": "Échec"},
)  # fmt: skip
VERDICTS_GOOD: Final[tuple[Any, ...]] = (
    {"stat": "ok"}, {"state": "open"}, {"id": 7, "state": "failure"}, {"state": "error"}, {"state": "rejected"},
    {"outcome": "SUCCESS"}, 'callback({"code":0,"success":true})', "/**/ app.done({});",
    {"processed": 1, "rejected": 0},
    {"id": 7, "rejected": True}, {"validationErrors": []}, {"notProcessed": []}, {"notProcessed": 0}, {"status": "OK"},
    {"result": "成功"}, {"status": "successful"}, {"valid": True}, {"id": 7, "valid": False},
    {"code": 0, "data": {"valid": False}}, {"valid": False, "msg": "queued"},
    {"statut": "ok"}, {"status": "ko-KR", "msg": "x"},
)  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        *NUMBERS_BAD,
        *ENVELOPES_BAD,
        *REPEATS_BAD,
        *BATCHES_BAD,
        *COUNTS_BAD,
        *NAMES_BAD,
        *VERDICTS_BAD,
        *({"code": code, "msg": text} for text in WORDS_BAD for code in (200, 20000)),
        {"status": 0, "info": "INVALID_USER_KEY", "infocode": "10001"},
        {"status": 0, "info": "DAILY_QUERY_OVER_LIMIT", "infocode": "10044"},
    ],
    ids=str,
)
def test_crm_callback_hidden_a_failure_is_found(body: Any) -> None:
    assert judged(body) is not None


@pytest.mark.parametrize(
    "body",
    [
        *NUMBERS_GOOD,
        *ENVELOPES_GOOD,
        *REPEATS_GOOD,
        *BATCHES_GOOD,
        *COUNTS_GOOD,
        *NAMES_GOOD,
        *VERDICTS_GOOD,
        *({"code": code, "msg": text} for text in WORDS_GOOD for code in (200, 20000)),
        {"status": "1", "info": "OK", "infocode": "10000"},
    ],
    ids=str,
)
def test_crm_callback_hidden_its_good_twin_is_done(body: Any) -> None:
    assert judged(body) is None


@pytest.mark.parametrize(
    ("charset", "raw", "message"),
    [
        ("big5", '{"msg":"更新失敗"}'.encode("big5"), "更新失敗"),
        ("BIG5-HKSCS", '{"msg":"更新失敗"}'.encode("big5"), "更新失敗"),
        ("utf-16", '{"msg":"更新失败"}'.encode("utf-16"), "更新失败"),
        ("iso-8859-1", '{"msg":"更新失败"}'.encode(), "更新失败"),
        ("iso-8859-1", '{"msg":"更新失败"}'.encode("gbk"), "更新失败"),
        ("of-nobody", '{"msg":"更新失败"}'.encode("gbk"), "更新失败"),
        ("hex", '{"msg":"更新失败"}'.encode("gbk"), "更新失败"),
    ],
)
def test_crm_callback_hidden_the_declared_charset_is_read(charset: str, raw: bytes, message: str) -> None:
    answer = HttpResponse(status=200, headers={"content-type": f"application/json; charset={charset}"}, body=raw)
    with pytest.raises(DeliveryFailed) as failed:
        judge(answer, NOW)
    assert failed.value.message == message


@pytest.mark.parametrize("media", ["text/xml", "text/xml; charset=iso-8859-1", ""])
@pytest.mark.parametrize("encoding", ["big5", "gbk", "utf-16", "utf-8"])
def test_crm_callback_hidden_the_declaration_of_xml_is_read(media: str, encoding: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?><r><code>0</code><msg>更新失敗</msg></r>"
    with pytest.raises(DeliveryFailed) as failed:
        judge(HttpResponse(status=200, headers={"content-type": media}, body=text.encode(encoding)), NOW)
    assert failed.value.message == "更新失敗"


def test_crm_callback_hidden_big5_that_was_done_is_done() -> None:
    headers = {"content-type": 'application/json; charset="Big5"'}
    judge(HttpResponse(status=200, headers=headers, body='{"code":0,"msg":"更新成功"}'.encode("big5")), NOW)
