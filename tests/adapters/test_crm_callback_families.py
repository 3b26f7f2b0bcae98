"""Names and words of answers with HTTP 200 by family: each failure counts, and no success is taken for one."""

from typing import Any, Final

import orjson
import pytest

from adapters.answers.judge import judge
from adapters.outbound_http import HttpResponse
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.test_crm_callback_wire import NOW

OMS: Final = "<response><flag>{}</flag><code>{}</code><message>{}</message></response>"
HEAD: Final = {"RESP_CODE": "00000", "RESP_DESC": "Success"}
REFUSED: Final[tuple[Any, ...]] = (
    {"flag": False, "msg": "工单不存在"},
    {"flag": False},
    {"flag": "N", "errInfo": "x"},
    OMS.format("failure", "S003", "x"),
    {"isOk": False, "text": "x"},
    {"Succeed": False, "Message": "x"},
    {"isSucceed": "false"},
    {"successful": False, "errorNumber": 0},
    {"success_flag": False},
    {"unknown": False, "msg": "工单不存在"},
    {"valid": False, "msg": "参数不能为空"},
    {"rtnCode": "9999", "rtnMsg": "处理失败"},
    {"rtnCode": "9999", "rtnMsg": "x"},
    {"RTN_CODE": "E1"},
    {"resCode": 1},
    {"rc": "-1", "desc": "x"},
    {"sub_code": "isv.invalid-parameter", "code": "0"},
    {"bizErrCode": "7"},
    {"apiResultCode": "A1001", "apiErrorMsg": "x"},
    {"apiResultCode": "A1000", "apiResultData": '{"success":false,"errorCode":"8003","errorMsg":"x"}'},
    {"err_no": 5, "err_tips": "x"},
    {"data": {"error_code": 7, "description": "token 无效"}, "extra": {"error_code": 7, "logid": "1", "now": 2}},
    {"base_resp": {"ret": 3, "err_msg": "x"}, "data": {}},
    {"code": {"errcode": "80001", "errmsg": "x"}, "data": None},
    {"ret": ["FAIL_SYS_TOKEN_EMPTY::令牌为空"], "data": {}},
    {"rsp": "fail", "res": "e1", "data": "x"},
    {"ack": "NACK"},
    {"returnStatus": "E"},
    {"status": "api-invalid-parameter", "message": "x"},
    {"status": "PARAM_ERROR", "message": "工单号"},
    {"state": False, "msg": "x"},
    {"state": "error", "message": "x"},
    {"returnState": 1, "message": "找不到该工单"},
    {"UNI_BSS_HEAD": HEAD, "UNI_BSS_BODY": {"NOTE_RSP": {"RESP_CODE": "8888", "RESP_DESC": "x"}}},
    {"contractRoot": {"tcpCont": {"sign": "x"}, "svcCont": {"resultCode": "1", "resultMsg": "x"}}},
    {"code": 200, "data": {"success": False, "msg": "工单不存在"}},
    {"code": 0, "data": {"errcode": 7, "errmsg": "x"}, "msg": "success"},
    {"ticket_id": "T20261122-000001", "message": "工单不存在"},
    {"ticket_id": "T20261122-000001", "msg": "更新失败", "priority": "高"},
    {"code": 0, "msg": "参数错误"},
    {"code": 0, "msg": "未知异常"},
    {"code": 200, "msg": "操作失败"},
    {"code": 200, "message": "工单不存在"},
    {"success": True, "message": "更新失败"},
    {"code": "0", "message": "成功2条,失败1条"},
    {"code": 0, "msg": "接收成功,处理失败"},
    {"code": 0, "msg": "更新未成功"},
    {"code": 0, "reason": "没有权限"},
    {"responses": [{"id": "1", "status": 204, "headers": {}}, {"id": "2", "status": 404, "headers": {}, "body": None}]},
    {"value": [{"id": "1", "status": 500}]},
    {"code": 0, "data": {"results": [{"id": "1", "statusCode": 422}]}},
    {"statuses": [200, 404]},
    {"statusCodes": [200, 404]},
    {"skipped": 1},
    {"code": 0, "data": {"total": 1, "skipped": 1}},
    {"success": True, "skippedCount": 1, "message": "x"},
    {"code": 0, "ignored_count": "2"},
    {"ignored": True},
    {"ok": True, "ignored": True, "reason": "event type not handled"},
    {"isIgnored": "true"},
    {"dropped": 1, "received": True},
    {"忽略条数": 1},
    {"status": "ignored"},
    {"result": "skipped", "message": "x"},
    {"accepted": False},
    {"queued": False},
    {"enqueued": "no"},
    {"received": False},
    {"acknowledged": False},
    {"data": {"accepted": False}},
    {"code": 0, "data": {"accepted": False}},
    {"code": 0, "msg": "ok", "data": {"accepted": "no", "ticket_id": "T20261122-000001"}},
    {"success": True, "response": {"succeed": False}},
    {"data": {"accepted": False}, "meta": {"page": 1}},
    {"code": 200, "data": {"received": False, "requestId": "x"}},
    {"code": 0, "data": [{"id": "7", "accepted": True}, {"id": "8", "accepted": False}]},
    "工单不存在",
    "Event ignored: ticket not found",
)
DONE: Final[tuple[Any, ...]] = (
    {"flag": True, "msg": "操作成功"},
    {"flag": 0, "msg": "ok"},
    {"flag": 1, "msg": ""},
    OMS.format("success", "0", "x"),
    {"Response": {"return": {"returnCode": "0000", "returnDesc": "ok", "returnFlag": "1"}}},
    {"Succeed": True, "Command": "Action", "ActionID": "x"},
    {"success": True, "error_code": 1, "data": True},
    {"EBusinessID": "1", "Success": True, "Reason": "", "ResultCode": "100"},
    {"rtnCode": "000000", "rtnMsg": "处理成功"},
    {"rtnCode": "0", "rtnMsg": ""},
    {"statusCode": "SYS000", "status": True, "message": ""},
    {"apiResultCode": "A1000", "apiResultData": '{"success":true,"errorCode":"S0000","errorMsg":null}'},
    {"code": "10000", "msg": "Success", "sub_code": "", "sub_msg": ""},
    {"alipay_response": {"code": "10000", "msg": "Success"}, "sign": "x"},
    {"err_no": 0, "err_tips": "success", "log_id": "x", "data": {}},
    {"data": {"error_code": 0, "description": ""}, "extra": {"error_code": 0, "sub_error_code": 0}},
    {"base_resp": {"ret": 0, "err_msg": "ok"}},
    {"code": {"errcode": "0", "errmsg": "success"}, "data": {"id": 7, "status": "failed"}},
    {"ret": ["SUCCESS::调用成功"], "data": {}},
    {"rsp": "succ", "res": "", "data": {"tid": "x"}},
    {"status": "api-success", "message": "success"},
    {"state": True, "msg": "ok"},
    {"state": "processing", "message": "queued"},
    {"result": 1},
    {"error_code": 0, "reason": "查询成功", "result": {"fault": "E17"}},
    {"UNI_BSS_HEAD": HEAD, "UNI_BSS_BODY": {"NOTE_RSP": {"RESP_CODE": "0000", "RESP_DESC": "成功"}}},
    {"code": 1000, "message": "OK"},
    {"code": 0, "data": {"code": "E17", "name": "水位过高", "state": "error"}, "msg": "success"},
    {"code": 0, "data": {"id": 7, "success": False, "msg": "失败"}, "msg": "success"},
    {"code": 200, "msg": "更新失败记录 0 条"},
    {"code": 0, "msg": "没有错误"},
    {"code": 0, "msg": "失败原因:无"},
    {"code": 0, "msg": "操作成功,设备异常已登记"},
    {"code": 0, "msg": "已受理,如有异常请稍后重试"},
    {"code": 0, "message": "Accepted; retries if any error occurs"},
    {"code": 0, "msg": "重复请求,忽略"},
    {"status": "open", "message": "水泵异常"},
    {"id": 7, "code": 0, "message": "水泵异常,客户拒绝维修"},
    {"ticket_id": "T20261122-000001", "message": "received"},
    {"valid": False, "msg": "queued"},
    {"responses": [{"id": "1", "status": 204, "headers": {}, "body": {"id": 7, "status": 500}}]},
    {"responses": [{"id": "1", "status": 200, "body": {"errorCode": "E5", "name": "水泵"}}]},
    {"value": [{"id": "7", "status": 500, "name": "水泵"}]},
    {"data": [{"id": 7, "status": 2}]},
    {"statuses": [200, 204]},
    {"statuses": [1, 2]},
    {"skipped": 0, "updated": 1},
    {"ignored": False},
    {"ignored": ["$.data.added_in_v9"]},
    {"ignored": None, "skipped": [], "dropped": ""},
    {"ignored": True, "reason": "duplicate event"},
    {"code": 0, "skipped": 1, "msg": "重复请求,忽略"},
    {"status": "ignored", "message": "already processed"},
    {"id": 7, "skipped": True, "ignored": 1, "queued": False, "received": False},
    {"ticket_id": "T1", "status": "skipped"},
    {"queued": True},
    {"queued": 0},
    {"queued": False, "msg": "处理成功"},
    {"received": 1, "processed": False},
    {"data": {"accepted": True}},
    {"code": 0, "data": {"accepted": True, "ticket_id": "T20261122-000001"}},
    {"data": {"active": False}},
    {"code": 0, "data": {"active": False}},
    {"code": 0, "data": {"flag": False}},
    {"code": 0, "data": {"valid": False}},
    {"code": 0, "data": {"id": 7, "accepted": False, "title": "报价单"}},
    {"code": 0, "data": [{"id": "7", "received": False, "partNo": "P-1"}]},
    {"code": 0, "data": [{"id": "7", "accepted": None}]},
    {"responses": [{"id": "1", "status": 202, "headers": {"Retry-After": "10"}}]},
    "Event received, no errors",
)


def judged(body: Any) -> DeliveryFailed | None:
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    try:
        judge(HttpResponse(status=200, headers={"content-type": "text/plain"}, body=raw), NOW)
    except DeliveryFailed as failed:
        return failed
    return None


@pytest.mark.parametrize("body", REFUSED, ids=str)
def test_crm_callback_families_a_failure_is_none_that_was_done(body: Any) -> None:
    failed = judged(body)
    assert failed is not None
    assert failed.kind is FailureKind.UNKNOWN


@pytest.mark.parametrize("body", DONE, ids=str)
def test_crm_callback_families_what_was_done_is_not_refused(body: Any) -> None:
    assert judged(body) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": 0, "msg": "系统繁忙,请稍后再试"}, FailureKind.UNAVAILABLE),
        ({"errcode": -1, "errmsg": "system busy"}, FailureKind.UNAVAILABLE),
        ({"code": 200, "rtnMsg": "系统维护中"}, FailureKind.UNAVAILABLE),
        ({"success": False, "msg": "服务暂不可用"}, FailureKind.UNAVAILABLE),
        ("系统繁忙\uff0c请稍后再试", FailureKind.UNAVAILABLE),
        ({"code": 0, "msg": "请求过于频繁"}, FailureKind.THROTTLED),
        ({"code": 429, "message": "Rate limit exceeded"}, FailureKind.THROTTLED),
        ({"errorCode": 20016, "errorMessage": "稍后再试"}, FailureKind.UNAUTHORIZED),
        ({"code": 0, "msg": "已受理,稍后处理"}, None),
        ({"code": "SYSTEM_BUSY"}, FailureKind.UNAVAILABLE),
        ({"code": 1, "error": {"code": "x", "message": {"value": "too many requests"}}}, FailureKind.THROTTLED),
        ({"code": 1, "failList": [{"id": 7, "msg": "系统繁忙"}]}, FailureKind.UNAVAILABLE),
        ({"head": {"retCode": "E1"}, "msg": "系统繁忙"}, FailureKind.UNAVAILABLE),
        ({"code": 200, "data": {"success": False, "msg": "系统繁忙"}}, FailureKind.UNAVAILABLE),
        # What a device has is no wish of the receiver's.
        ({"code": 1, "msg": "工单不存在", "data": {"desc": "频繁重启"}}, FailureKind.UNKNOWN),
        ({"success": False, "data": {"id": 3, "title": "打印机频繁卡纸"}}, FailureKind.UNKNOWN),
        ({"success": False, "data": {"id": 3, "desc": "主板 busy 灯常亮"}}, FailureKind.UNKNOWN),
        ({"code": 1, "failList": [{"id": 7, "title": "打印机频繁卡纸"}]}, FailureKind.UNKNOWN),
    ],
    ids=str,
)
def test_crm_callback_families_words_that_ask_to_wait_are_followed(body: Any, kind: FailureKind | None) -> None:
    failed = judged(body)
    assert (failed and failed.kind) is kind


def batch(*statuses: int, name: str = "status", **own: Any) -> Any:
    return {"responses": [{"id": str(number), name: status, **own} for number, status in enumerate(statuses)]}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (batch(429), FailureKind.THROTTLED),
        (batch(204, 429, 503), FailureKind.THROTTLED),
        (batch(503), FailureKind.UNAVAILABLE),
        (batch(423, name="statusCode"), FailureKind.UNAVAILABLE),
        (batch(409, name="httpStatusCode", body=None), FailureKind.UNAVAILABLE),
        ({"code": 0, "data": {"results": [{"id": "1", "statusCode": "429"}]}}, FailureKind.THROTTLED),
        ([{"id": "1", "status": 429}], FailureKind.THROTTLED),
        ({"statuses": [200, 429]}, FailureKind.THROTTLED),
        ({"status": 503, "error": "Service Unavailable", "path": "/x"}, FailureKind.UNAVAILABLE),
        ({"results": [{"code": 429, "message": "x"}]}, FailureKind.THROTTLED),
        ({"code": "503", "msg": "x"}, FailureKind.UNAVAILABLE),
        # One of them is no matter of time, or nobody knows what it was.
        (batch(429, 422), FailureKind.UNKNOWN),
        (batch(404), FailureKind.UNKNOWN),
        (batch(401), FailureKind.UNKNOWN),
        (batch(500), FailureKind.UNKNOWN),
        ({"code": 409, "msg": "x"}, FailureKind.UNKNOWN),
        ({"code": 4290, "msg": "x"}, FailureKind.UNKNOWN),
    ],
    ids=str,
)
def test_crm_callback_families_a_status_inside_is_of_the_kind_that_it_has_outside(body: Any, kind: FailureKind) -> None:
    failed = judged(body)
    assert failed is not None
    assert failed.kind is kind


def test_crm_callback_families_the_wait_that_a_call_of_a_batch_is_asked_for_is_kept() -> None:
    for headers in ({"Retry-After": "10"}, {"retry-after": 10}):
        failed = judged(batch(204, 429, headers=headers, body={"error": {"code": "x"}}))
        assert failed is not None
        assert failed.retry_after_s == 10
