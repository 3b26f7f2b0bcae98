"""Answers of systems common in China and great ones abroad: batches, envelopes, gateways; refused and done."""

from typing import Any, Final

import pytest

from tests.adapters.test_crm_callback_families import judged

REFUSED: Final[tuple[tuple[str, Any], ...]] = (
    (
        "Kingdee K3Cloud, errors",
        {
            "Result": {
                "ResponseStatus": {
                    "IsSuccess": False,
                    "Errors": [{"FieldName": "FBillNo", "Message": "编码已存在", "DIndex": 0}],
                    "MsgCode": 11,
                }
            }
        },
    ),
    (
        "Kingdee K3Cloud, session",
        [
            [
                {
                    "Result": {
                        "ResponseStatus": {
                            "ErrorCode": 500,
                            "IsSuccess": False,
                            "Errors": [{"Message": "会话信息已丢失"}],
                            "MsgCode": 1,
                        }
                    }
                }
            ]
        ],
    ),
    ("Kingdee EAS", {"success": False, "errorMessage": "会话过期", "data": None}),
    (
        "Kingdee Cosmic batch",
        {
            "status": True,
            "errorCode": "0",
            "data": {
                "failCount": "1",
                "successCount": "0",
                "result": [{"billIndex": 0, "billStatus": False, "errors": [{"rowMsg": ["x"]}]}],
            },
        },
    ),
    ("Yonyou YonBIP gateway", {"code": "310036", "message": "非法token"}),
    (
        "Yonyou YonBIP save batch",
        {
            "code": "200",
            "message": "操作成功",
            "data": {"count": 1, "sucessCount": 0, "failCount": 1, "messages": ["x"], "infos": []},
        },
    ),
    ("Yonyou NC", {"status": "1", "errormsg": "x"}),
    (
        "SAP BAPIRET2 beside exports",
        {
            "ORDER": "7",
            "RETURN": {"TYPE": "E", "ID": "V1", "NUMBER": "311", "MESSAGE": "x", "MESSAGE_V1": "", "SYSTEM": "P"},
        },
    ),
    (
        "SAP BAPIRET2 list",
        {
            "EXPORT": {"NO": "7"},
            "RETURN": [
                {"TYPE": "S", "ID": "V1", "NUMBER": "1", "MESSAGE": "y"},
                {"TYPE": "E", "ID": "V1", "NUMBER": "311", "MESSAGE": "x"},
            ],
        },
    ),
    ("SAP BAPIRET2 item", {"RETURN": {"item": [{"TYPE": "A", "ID": "V1", "NUMBER": "311", "MESSAGE": "x"}]}}),
    ("SAP PO SOAP", '<ns:MT_RESP xmlns:ns="urn:x"><E_TYPE>E</E_TYPE><E_MESSAGE>x</E_MESSAGE></ns:MT_RESP>'),
    (
        "SAP XML RETURN",
        "<ZRESP><RETURN><item><TYPE>E</TYPE><ID>V1</ID><NUMBER>311</NUMBER><MESSAGE>x</MESSAGE></item></RETURN></ZRESP>",
    ),
    (
        "Oracle EBS SOAP gateway",
        '<OutputParameters xmlns="u"><X_RETURN_STATUS>E</X_RETURN_STATUS><X_MSG_DATA>x</X_MSG_DATA></OutputParameters>',
    ),
    ("Oracle EBS customers", {"X_RET_CODE": "E", "X_RET_MSG": "x"}),
    ("Oracle EBS p_errbuf", {"OutputParameters": {"ERRBUF": "ORA-01403: no data found", "RETCODE": "2"}}),
    ("Inspur GS", {"Code": 0, "Level": 3, "Message": "对象不存在", "Detail": None}),
    ("Inspur", {"result": False, "resultmsg": "x"}),
    ("Weaver e9", {"status": "NO", "errMsg": "x"}),
    ("Weaver ec", {"code": "NO_PERMISSION", "errMsg": {"msg": "x"}}),
    ("Seeyon 致远", {"code": "1001", "message": "x", "data": None}),
    ("Seeyon rest", {"succeed": "false", "errorMsg": "x"}),
    ("Seeyon list", {"success": False, "errorMsgs": [{"code": "x"}]}),
    ("DingTalk top", {"errcode": 0, "errmsg": "ok", "result": {"success": False, "errorMsg": "x"}}),
    ("DingTalk sub", {"errcode": 88, "errmsg": "ding talk error[subcode=60011,submsg=x]"}),
    ("DingTalk process", {"success": False, "errorMsg": "x", "errcode": 0}),
    ("WeCom batch", {"errcode": 0, "errmsg": "ok", "fail_list": [{"userid": "a"}]}),
    ("Feishu", {"code": 99991663, "msg": "Invalid access token for authorization", "error": {"log_id": "x"}}),
    (
        "WeChat Pay v2 result",
        "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg>OK</return_msg><result_code>FAIL</result_code><err_code>ORDERPAID</err_code><err_code_des>x</err_code_des></xml>",
    ),
    ("JD open", {"error_response": {"code": "19", "zh_desc": "x", "en_desc": "y"}}),
    ("JD method", {"jingdong_x_responce": {"code": "0", "result": {"success": False, "errMsg": "x"}}}),
    ("JD inner code", {"jingdong_x_responce": {"code": "0", "returnType": {"code": 4, "message": "x"}}}),
    (
        "SF inner",
        {
            "apiResultCode": "A1000",
            "apiErrorMsg": "",
            "apiResultData": '{"success":false,"errorCode":"20011","errorMsg":"x","msgData":null}',
        },
    ),
    ("SF SBUS XML", '<Response service="OrderService"><Head>ERR</Head><ERROR code="8016">x</ERROR></Response>'),
    ("Meituan", {"data": "ng", "error": {"code": 701, "msg": "x"}}),
    ("Meituan short", {"data": "ng"}),
    ("Meituan errList", {"data": "ok", "error_list": [{"code": 1, "msg": "x"}]}),
    ("Aliyun", {"Code": "InvalidParameter", "Message": "x", "RequestId": "7", "Success": False}),
    ("Aliyun IoT", {"Success": False, "Code": "iot.system.SystemException", "ErrorMessage": "x", "RequestId": "7"}),
    (
        "Huawei cloud",
        {"error_code": "APIG.0301", "error_msg": "Incorrect IAM authentication information", "request_id": "x"},
    ),
    ("Huawei sms", {"code": "E000510", "description": "x"}),
    (
        "Salesforce composite",
        {"hasErrors": True, "results": [{"referenceId": "r", "errors": [{"statusCode": "X", "message": "y"}]}]},
    ),
    (
        "ServiceNow import",
        {
            "import_set": "I7",
            "result": [{"transform_map": "x", "table": "incident", "status": "error", "error_message": "x"}],
        },
    ),
    ("ServiceNow import ok dict", {"error": {"message": "No Record found", "detail": "x"}, "status": "failure"}),
    ("Zendesk", {"error": "RecordInvalid", "description": "x", "details": {}}),
    ("Jira webhook", {"errorMessages": [], "errors": {"summary": "x"}}),
    ("Jira bulk", {"issues": [], "errors": [{"status": 400, "failedElementNumber": 0}]}),
    ("HTTP in body", {"statusCode": 404, "body": "x"}),
    ("Lambda", {"errorMessage": "x", "errorType": "Runtime.Error"}),
    ("problem", {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "x"}),
    ("ABP", {"result": None, "success": False, "error": {"message": "x"}, "unAuthorizedRequest": False, "__abp": True}),
    ("Odoo", {"jsonrpc": "2.0", "id": None, "error": {"code": 200, "message": "x"}}),
    ("JSON-RPC", {"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "x"}}),
    ("RuoYi", {"msg": "认证失败,无法访问系统资源", "code": 401}),
    ("Jeecg", {"success": False, "message": "Token失效,请重新登录", "code": 500, "result": None}),
    ("纷享 crm", {"errorCode": 20001, "errorMessage": "x", "traceId": "x"}),
    ("PHP", "Warning: mysqli_connect(): (HY000/2002): Connection refused in /x on line 3"),
    ("names in Chinese", {"代码": "1", "消息": "x"}),
)
TAKEN: Final[tuple[tuple[str, Any], ...]] = (
    (
        "Kingdee K3Cloud",
        {
            "Result": {
                "ResponseStatus": {
                    "IsSuccess": True,
                    "Errors": [],
                    "SuccessEntitys": [{"Id": 7, "Number": "X", "DIndex": 0}],
                    "SuccessMessages": [],
                    "MsgCode": 0,
                },
                "Id": 7,
                "Number": "X",
                "NeedReturnData": [{}],
            }
        },
    ),
    (
        "Kingdee Cosmic batch",
        {
            "status": True,
            "errorCode": "0",
            "data": {
                "failCount": "0",
                "successCount": "1",
                "result": [{"billIndex": 0, "billStatus": True, "errors": []}],
            },
        },
    ),
    (
        "Yonyou YonBIP save",
        {
            "code": "200",
            "message": "操作成功",
            "data": {"count": 1, "sucessCount": 1, "failCount": 0, "messages": [], "infos": [{"id": "7", "status": 0}]},
        },
    ),
    ("Yonyou NC", {"status": "0", "errormsg": ""}),
    (
        "SAP BAPIRET2 list",
        {
            "RETURN": [
                {"TYPE": "S", "ID": "V1", "NUMBER": "311", "MESSAGE": "x"},
                {"TYPE": "W", "ID": "V1", "NUMBER": "1", "MESSAGE": "y"},
            ]
        },
    ),
    ("SAP BAPIRET2 empty", {"RETURN": {"TYPE": "", "ID": "", "NUMBER": "000", "MESSAGE": ""}, "ORDER": "7"}),
    ("SAP XML", "<MT><E_TYPE>S</E_TYPE><E_MESSAGE>x</E_MESSAGE></MT>"),
    ("Oracle EBS", {"OutputParameters": {"ERRBUF": None, "RETCODE": "0"}}),
    ("Oracle EBS ret", {"X_RET_CODE": "S", "X_RET_MSG": "x"}),
    ("Oracle warn count", {"X_RETURN_STATUS": "S", "X_MSG_COUNT": 1, "X_MSG_DATA": "工单已更新"}),
    ("Weaver", {"status": "OK", "errMsg": ""}),
    ("Weaver e9", {"code": "SUCCESS", "errMsg": {}, "data": {"requestid": 7}}),
    ("Seeyon", {"code": 0, "message": "", "data": {"app_bussiness_data": "{}"}}),
    ("DingTalk result", {"errcode": 0, "errmsg": "ok", "result": True, "request_id": "x"}),
    ("DingTalk new", {"result": True, "success": True}),
    ("WeCom", {"errcode": 0, "errmsg": "ok", "fail_list": [], "unlicenseduser": ""}),
    (
        "Feishu",
        {
            "code": 0,
            "msg": "success",
            "data": {"message_id": "om_x", "msg_type": "text", "deleted": False, "updated": False},
        },
    ),
    (
        "WeChat Pay v2",
        "<xml><return_code>SUCCESS</return_code><return_msg>OK</return_msg><result_code>SUCCESS</result_code><err_code></err_code></xml>",
    ),
    ("WeChat Pay v3", {"code": "SUCCESS", "message": "成功"}),
    ("JD", {"jingdong_x_responce": {"code": "0", "result": {"success": True, "errMsg": ""}}}),
    ("Meituan", {"data": "ok"}),
    ("Aliyun", {"RequestId": "7", "Success": True, "Code": "", "Data": {"Status": "FAILED", "JobId": "7"}}),
    ("Huawei SMS", {"code": "000000", "description": "Success", "result": [{"status": "000000", "smsMsgId": "x"}]}),
    ("Salesforce composite", {"hasErrors": False, "results": [{"referenceId": "r", "id": "7"}]}),
    (
        "ServiceNow import",
        {
            "import_set": "I7",
            "result": [{"transform_map": "x", "table": "incident", "status": "inserted", "sys_id": "7"}],
        },
    ),
    ("Zendesk job", {"job_status": {"id": "7", "status": "queued", "message": None}}),
    (
        "Zendesk ticket",
        {
            "ticket": {"id": 7, "status": "open", "satisfaction_rating": {"score": "bad"}, "type": "problem"},
            "audit": {"events": []},
        },
    ),
    ("Jira", {"issues": [{"id": "1", "key": "A-1"}], "errors": []}),
    ("Jira issue", {"id": "1", "key": "A-1", "fields": {"status": {"name": "Failed"}, "resolution": None}}),
    ("ABP", {"result": {"id": 7}, "success": True, "error": None, "unAuthorizedRequest": False, "__abp": True}),
    ("JSON-RPC", {"jsonrpc": "2.0", "id": 7, "result": True}),
    ("RuoYi", {"msg": "操作成功", "code": 200}),
    ("Jeecg", {"success": True, "message": "操作成功!", "code": 200, "result": None, "timestamp": 1}),
    ("Amazon", {"ask": "Success", "message": "Success", "code": 0}),
    (
        "work order record",
        {
            "code": 0,
            "data": {"workOrderNo": "W7", "status": "失败", "faultCode": "E17", "faultDesc": "水泵启动失败"},
            "msg": "ok",
        },
    ),
    ("list of faults", {"code": 0, "data": [{"errorCode": "E17", "errorDesc": "水位过高"}]}),
    ("alarm", {"code": 0, "data": {"type": "alarm", "message": "启动失败", "level": "error"}}),
    ("closed by system", {"code": 200, "msg": "系统已关闭该工单"}),
    ("user", {"code": 200, "msg": "用户已通知"}),
    ("count 0", {"code": 0, "msg": "ok", "data": 0}),
    ("no change", {"code": 0, "msg": "ok", "updated": False}),
    ("a record with a result", {"id": 7, "result": "N", "name": "x"}),
    ("inspection", {"code": 0, "data": {"checkResult": "不合格", "inspector": "王工"}}),
    ("names in Chinese", {"代码": "0", "消息": "x"}),
)


@pytest.mark.parametrize("body", [body for _, body in REFUSED], ids=[vendor for vendor, _ in REFUSED])
def test_crm_callback_systems_a_refusal_counts_as_one(body: Any) -> None:
    assert judged(body) is not None


@pytest.mark.parametrize("body", [body for _, body in TAKEN], ids=[vendor for vendor, _ in TAKEN])
def test_crm_callback_systems_what_was_done_is_not_sent_again(body: Any) -> None:
    assert judged(body) is None
