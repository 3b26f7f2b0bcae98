"""Answers with HTTP 200 as vendors' documents and public bug reports have them: what refused, and what was done."""

from typing import Any, Final

import orjson
import pytest

from adapters.answers.judge import judge
from adapters.outbound_http import HttpResponse
from bus.delivery.target import DeliveryFailed
from tests.adapters.test_crm_callback_wire import NOW

SOAP12: Final = (
    '<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body>{}</env:Body></env:Envelope>'
)
FAULT12: Final = (
    "<env:Fault><env:Code><env:Value>env:Sender</env:Value></env:Code>"
    '<env:Reason><env:Text xml:lang="en">Processing error</env:Text></env:Reason></env:Fault>'
)
# Vendor and document (or public report) → a body of theirs that refuses.
REFUSED: Final[tuple[tuple[str, Any], ...]] = (
    ("WeCom, global error codes", {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid"}),
    ("WeCom, as a form", "errcode=40001&errmsg=invalid+credential"),
    ("DingTalk, custom robots", {"errcode": 310000, "errmsg": "keywords not in content"}),
    ("DingTalk, server API", {"code": "Forbidden.AccessDenied", "requestid": "5B1", "message": "no permission"}),
    ("Feishu, custom bots", {"code": 19024, "msg": "Key Words Not Found", "data": {}}),
    ("Yonyou U8 openapi", {"errcode": "20015", "errmsg": "单据保存失败", "id": None}),
    ("Yonyou YonBIP", {"code": "999", "message": "单据不存在", "data": None}),
    ("Yonyou NCC", {"success": False, "code": "1000000001", "message": "x"}),
    ("Kingdee K3Cloud WebAPI", {"Result": {"ResponseStatus": {"IsSuccess": False, "ErrorCode": 500, "Errors": []}}}),
    ("Kingdee Cosmic 苍穹 OpenAPI", {"status": False, "errorCode": "611", "message": "x", "data": None}),
    ("Weaver 泛微 e-cology, workflow REST", {"code": "PARAM_ERROR", "errMsg": {"workflowId": "x"}, "data": None}),
    ("Weaver 泛微 e-cology, older API", {"api_status": False, "api_errormsg": "登录信息超时"}),
    ("SAP OData V2, error in a 200", {"d": {"error": {"code": "005056A509B1", "message": {"value": "x"}}}}),
    ("SAP BAPIRET2 as JSON", {"RETURN": {"TYPE": "E", "ID": "V1", "NUMBER": "311", "MESSAGE": "Order is locked"}}),
    ("SAP PI, customers' envelopes", {"STATUS": "E", "MESSAGE": "工单已锁定"}),
    ("SAP OData V2, as XML", "<error xmlns='urn:m'><code>SY/530</code><message>x</message></error>"),
    ("SOAP 1.2, Fault", SOAP12.format(FAULT12)),
    ("SOAP 1.1 without its envelope", "<Fault><faultcode>Server</faultcode><faultstring>x</faultstring></Fault>"),
    ("ASP.NET Web API, HttpError", {"Message": "An error has occurred.", "ExceptionMessage": "x", "StackTrace": "y"}),
    ("ASP.NET ASMX, JSON", {"d": {"Success": False, "Text": "x"}}),
    ("ASP.NET ASMX, JSON in a string", {"d": '{"code":7}'}),
    ("WCF, wrapped", {"NotifyResult": {"code": 500, "requestId": "7"}}),
    ("WCF, SOAP", SOAP12.format("<NotifyResponse><NotifyResult><code>7</code></NotifyResult></NotifyResponse>")),
    ("Spring Boot, default error", {"timestamp": 1, "status": 500, "error": "Internal Server Error", "path": "/"}),
    ("customers' number in status", {"status": 201001, "msg": "签名不正确"}),
    ("customers' 0 with words", {"status": 0, "msg": "更新失败"}),
    ("customers' 1 with words", {"status": 1, "message": "Ticket not found", "data": None}),
    ("customers' counts", {"result": 0, "message": "成功0条,失败3条"}),
    ("customers' words alone", {"msg": "更新失败", "data": None}),
    ("customers' wrapper", {"response": {"status": "error", "message": "x"}, "requestId": "7"}),
    ("customers' data", {"data": {"errcode": 3}}),
    ("Baidu", {"error_code": 110, "error_msg": "Access token invalid or no longer valid"}),
    ("error_msg alone", {"error_msg": "ticket is closed"}),
    ("OAuth 2, RFC 6749", {"error": "invalid_client", "error_description": "x"}),
    ("Tencent Cloud API 3.0", {"Response": {"Error": {"Code": "AuthFailure", "Message": "x"}, "RequestId": "7"}}),
    ("Taobao open platform", {"error_response": {"sub_msg": "x", "request_id": "7"}}),
    ("WeChat Pay v2", "<xml><return_code>FAIL</return_code><return_msg>签名失败</return_msg></xml>"),
    ("Kuaidi100", {"result": False, "returnCode": "500", "message": "查询无结果"}),
    ("Slack Web API", {"ok": False, "error": "invalid_auth"}),
    ("Salesforce, sObject Collections", [{"success": False, "errors": [{"statusCode": "X", "message": "y"}]}]),
    ("Zoho CRM v2", {"data": [{"code": "INVALID_DATA", "status": "error", "message": "invalid data"}]}),
    ("GraphQL", {"data": None, "errors": [{"message": "x"}]}),
    ("Jira", {"errorMessages": ["Issue does not exist"], "errors": {}}),
    ("Apache OFBiz, flags", {"error": True, "message": "x"}),
    ("Apigee", {"fault": {"faultstring": "x", "detail": {"errorcode": "policies.ratelimit"}}}),
    ("Microsoft Teams, msteams-docs #1810", "Webhook message delivery failed with error: endpoint returned HTTP 413"),
    ("PHP, false", "0"),
    ("ASP.NET, bool", "false"),
)
# And one that was done.
TAKEN: Final[tuple[tuple[str, Any], ...]] = (
    ("WeCom", {"errcode": 0, "errmsg": "ok", "invaliduser": "zhang|wang", "msgid": "x"}),
    ("WeCom, as a form", "errcode=0&errmsg=ok"),
    ("DingTalk", {"errcode": 0, "errmsg": "ok", "task_id": 256271667526, "request_id": "4jzllmte0wau"}),
    ("Feishu", {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}),
    ("Yonyou U8 openapi", {"errcode": "0", "errmsg": "", "id": "0000000001", "tradeid": "x"}),
    ("Yonyou YonBIP", {"code": "200", "message": "操作成功", "data": {"status": 0, "code": "XSDD-1"}}),
    ("Kingdee K3Cloud WebAPI", {"Result": {"ResponseStatus": {"IsSuccess": True, "Errors": [], "MsgCode": 0}}}),
    ("Kingdee Cosmic 苍穹 OpenAPI", {"status": True, "errorCode": "0", "message": None, "data": {"status": "C"}}),
    ("Kingdee Yunzhijia", {"error": "", "errorCode": 0, "success": True, "data": None}),
    ("Weaver 泛微 e-cology", {"code": "SUCCESS", "data": {"requestid": 7}, "errMsg": {}, "reqFailMsg": {}}),
    ("Weaver 泛微 e-cology, older API", {"api_status": True, "data": []}),
    ("SAP OData V2, created", {"d": {"__metadata": {"uri": "x"}, "Status": "E", "Message": "Pump failed"}}),
    ("SAP BAPIRET2", {"RETURN": {"TYPE": "S", "ID": "V1", "NUMBER": "311", "MESSAGE": "Order 7 was saved"}}),
    ("SAP PI", {"STATUS": "S", "MESSAGE": "处理完成"}),
    ("ASP.NET ASMX", {"d": {"Success": True}}),
    ("ASP.NET ASMX, nothing", {"d": None}),
    ("WCF, SOAP", SOAP12.format("<NotifyResponse><NotifyResult><code>0</code></NotifyResult></NotifyResponse>")),
    ("SOAP, a number of their own", SOAP12.format("<NotifyResponse><return>0</return></NotifyResponse>")),
    ("FastAdmin, ThinkPHP", {"code": 1, "msg": "操作成功", "time": "1700000000", "data": None}),
    (
        "Hikvision ISAPI",
        {"statusCode": 1, "statusString": "OK", "errorCode": 1, "errorMsg": "ok"},
    ),
    ("customers' status 1", {"status": 1, "msg": "ok"}),
    ("customers' status 0", {"status": 0, "msg": "成功"}),
    ("customers' code", {"code": 200, "msg": "更新失败记录 0 条"}),
    ("customers' string", {"code": "0", "message": "没有错误"}),
    ("customers' counts", {"status": 1, "message": "成功3条,失败0条"}),
    ("Freshdesk, a ticket", {"id": 1, "status": 2, "priority": 1, "description": "Error on display", "source": 2}),
    ("Zendesk, a ticket", {"ticket": {"id": 35436, "status": "open", "subject": "It fails", "description": "x"}}),
    ("a ticket that is open", {"status": "open", "number": "INC0010023", "message": "水泵异常"}),
    ("a note that is kept", {"id": 7, "message": "Error: E17 on the display", "status": 1}),
    ("ServiceNow, Table API", {"result": {"sys_id": "9d38", "state": "1", "error_code": "E17", "status": "failed"}}),
    ("Jira, an issue", {"id": "10000", "key": "ED-24", "self": "https://jira.example/rest/api/2/issue/10000"}),
    ("Salesforce", {"id": "001D000000IqhSLIAZ", "errors": [], "success": True}),
    (
        "Zoho CRM v2",
        {"data": [{"code": "SUCCESS", "details": {"id": "7"}, "status": "success"}]},
    ),
    ("HubSpot", {"status": "COMPLETE", "results": [{"id": "1", "properties": {"status": "failed"}}]}),
    ("Tencent Cloud API 3.0", {"Response": {"RequestId": "7", "Status": 3}}),
    ("Alibaba Cloud", {"Code": "OK", "Message": "OK", "RequestId": "x", "BizId": "7"}),
    ("WeChat Pay v2", "<xml><return_code>SUCCESS</return_code><return_msg>OK</return_msg></xml>"),
    ("Kuaidi100", {"result": True, "returnCode": "200", "message": "成功"}),
    ("SF Express 顺丰", {"apiResultCode": "A1000", "apiErrorMsg": "", "apiResponseID": "x"}),
    ("Slack incoming webhooks", "ok"),
    ("Microsoft Teams", "1"),
    ("Make.com", "Accepted"),
    ("n8n", {"message": "Workflow was started"}),
    ("Zapier", {"attempt": "7", "id": "x", "request_id": "x", "status": "success"}),
    ("GraphQL", {"data": {"addNote": {"note": {"id": "7", "status": "FAILED"}}}}),
    ("webhook.site", "This URL has no default content configured. View in Webhook.site."),
    ("an echo", {"type": "note.added", "data": {"ticket_id": "T1", "event": {"text": "失败"}, "state": "closed"}}),
    ("an identifier as a form", "ticket=7&state=error"),
    ("words", "已收到,如有错误稍后通知"),
)


def is_done(body: Any) -> bool:
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    try:
        judge(HttpResponse(status=200, headers={"content-type": "text/plain"}, body=raw), NOW)
    except DeliveryFailed:
        return False
    return True


@pytest.mark.parametrize("body", [body for _, body in REFUSED], ids=[vendor for vendor, _ in REFUSED])
def test_crm_callback_vendors_a_refusal_counts_as_one(body: Any) -> None:
    assert not is_done(body)


@pytest.mark.parametrize("body", [body for _, body in TAKEN], ids=[vendor for vendor, _ in TAKEN])
def test_crm_callback_vendors_what_was_done_is_not_sent_again(body: Any) -> None:
    assert is_done(body)
