"""What an answer of Kingdee's is read as, in the forms that its versions and what stands before them give it."""

from typing import Any

import orjson
import pytest

from adapters.erp.kingdee_answers import (
    IN_USE,
    SESSION_LOST,
    UNCODED,
    Bill,
    BillStage,
    KingdeeAnswer,
    read,
    read_bills,
)
from adapters.http_status import kind_of_status
from bus.delivery.target import FailureKind

LOST = "会话信息已丢失,请重新登录"


def failed(words: str, *, code: object = 0, **status: Any) -> dict[str, Any]:
    """Give a failure's body."""
    errors = [{"FieldName": None, "Message": words, "DIndex": 0}]
    return {"Result": {"ResponseStatus": {"IsSuccess": False, "Errors": errors, "MsgCode": code, **status}}}


def code_of(body: object) -> int | None:
    """Give the code of the failure that a body is read as; None when it is none."""
    answer = read(body if isinstance(body, bytes) else orjson.dumps(body))
    return None if answer is None or answer.ok else answer.code


@pytest.mark.parametrize(
    "body",
    [
        failed(LOST, code=1),
        failed(LOST),
        failed("会话信息已丢失\uff0c请重新登录", code=11),
        failed(LOST, code=4),
        [failed(LOST)],
        [[failed(LOST)]],
        {"ErrorCode": 500, "Message": LOST},
        failed("登录已失效"),
        failed("用户未登录"),
        failed("Session timeout"),
        failed("无", ErrorCode="N001"),
        failed("无", code="N001"),
        failed("N001"),
        LOST.encode("gb18030"),
        LOST,
        LOST.encode(),
        b"\xef\xbb\xbfN001:" + "会话不存在".encode(),
        orjson.dumps(f"response_error:{LOST}"),
        failed("會話資訊已丟失\uff0c請重新登入"),
        failed("會話信息已丟失"),
        failed("工作階段已逾時"),
        failed("使用者未登入"),
        "會話資訊已丟失".encode("gb18030"),
        failed("The session information has been lost"),
        failed("Your session has been expired"),
        failed("session has expired, please login again"),
        failed("You are not logged in"),
        failed("Please log in again."),
    ],
)
def test_kingdee_answers_a_lost_session_is_read_in_any_shape(body: object) -> None:
    assert code_of(body) == SESSION_LOST


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("网络控制:用户 张三 正在修改此单据", 11),
        ("单据TB2与【用户:administrator】正在执行的【修改】操作存在网络冲突,请稍后再试!", 0),
        ("单据已被其他用户修改,请刷新后操作", 11),
        ("系统繁忙,请稍候重试", 11),
        ("系統繁忙\uff0c請稍後再試", 0),
        ("單據已被其他用戶鎖定", 0),
        ("網路衝突", 0),
        ("网络控制失败", 0),
        ("该单据正被他人编辑", 0),
        ("The bill is being edited by another user", 0),
        ("This record is LOCKED BY ANOTHER USER.", 0),
        ("Network control: the document is opened elsewhere", 0),
        ("System busy, please try again later", 0),
    ],
)
def test_kingdee_answers_words_of_a_bill_in_use_are_its_code(words: str, code: int) -> None:
    assert code_of(failed(words, code=code)) == IN_USE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("物料编码 N001 不存在或已禁用", 9),
        ("会话记录未启用", 11),
        ("物料 网络控制器 不存在或已禁用", 9),
        ("物料[网络控制模块 V2]库存单位为空", 0),
        ("备件 网控中心主板 未审核", 0),
        ("material Network controller is disabled", 9),
        ("物料已被用户张三禁用,不允许修改", 0),
        ("session recorder S-7 is not in stock", 0),
        ("用户没有权限", 11),
        ("未将对象引用设置到对象的实例,请稍后再试", 4),  # it may have happened: tried later it is asked first
        ("调用次数超出限制,请重新登录后再试", 14),
    ],
)
def test_kingdee_answers_other_words_leave_the_code_as_it_is(words: str, code: int) -> None:
    assert code_of(failed(words, code=code)) == code


def test_kingdee_answers_an_exception_as_text_is_one_and_any_other_text_is_no_answer() -> None:
    assert code_of("response_error:未将对象引用设置到对象的实例".encode()) == UNCODED
    assert code_of({"ErrorCode": 500, "Message": "未将对象引用设置到对象的实例"}) == UNCODED
    for body in (
        b"",
        b"null",
        b"true",
        b"7",
        b"ok",
        b"<html>x</html>",
        b"[]",
        b"\xff\xfe",
        b"{",
        b"[" * 900 + b"]" * 900,
    ):
        assert read(body) is None, body


def test_kingdee_answers_an_address_that_is_gone_for_good_pauses_the_target_like_a_callbacks() -> None:
    for changes in (False, True):
        assert kind_of_status(410, changes=changes) is FailureKind.GONE
        assert kind_of_status(404, changes=changes) is FailureKind.UNAVAILABLE


def test_kingdee_answers_are_read_behind_marks_and_inside_strings() -> None:
    rows = b'[[100001,"TB2"]]'
    done = {"Result": {"ResponseStatus": {"IsSuccess": True}, "Id": 7, "Number": "TB2"}}
    once = orjson.dumps(done)
    for body in (once, b"\xef\xbb\xbf" + once, orjson.dumps(once.decode()), orjson.dumps(f"\ufeff{once.decode()}")):
        assert read(body) == KingdeeAnswer(ok=True, fid="7", number="TB2")
    assert read_bills(rows) is None
    rows = b'[[100001,"C","A"]]'
    bill = (Bill(fid="100001", stage=BillStage.AUDITED),)
    assert read_bills(rows) == read_bills(b"\xef\xbb\xbf" + rows) == read_bills(orjson.dumps(rows.decode())) == bill
    assert read_bills(b"[]") == ()
