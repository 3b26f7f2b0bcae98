"""Answers of 纷享销客: every code of the reference, words, and bodies that are none."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from adapters.fxiaoke_api.answers import kind_of, read, wait_s
from adapters.fxiaoke_api.wire import rows_in
from bus.delivery.target import FailureKind

NOON = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)  # in China
R = FailureKind


@pytest.mark.parametrize(
    ("code", "words", "at_change", "at_question", "wait"),
    [
        (20016, "the cropId,cropAccessToken or authorization is error", R.UNAUTHORIZED, R.UNAUTHORIZED, None),
        (20017, "corpAccessToken为必填项,不能为空", R.UNAUTHORIZED, R.UNAUTHORIZED, None),
        (10006, "the parameter apiName is missing or illegal", R.REJECTED, R.REJECTED, None),
        (10013, "offset out of range 10000", R.REJECTED, R.REJECTED, None),
        (30002, "", R.THROTTLED, R.THROTTLED, 12 * 3600),
        (30003, "", R.UNAUTHORIZED, R.UNAUTHORIZED, None),
        (30004, "", R.THROTTLED, R.THROTTLED, 20),
        (14001, "", R.THROTTLED, R.THROTTLED, 20),
        (77, "调用过于频繁", R.THROTTLED, R.THROTTLED, None),
        (-1, "系统繁忙,请稍后再试", R.UNAVAILABLE, R.UNAVAILABLE, None),
        (-1, "系统异常", R.UNKNOWN, R.UNAVAILABLE, None),
        (500, "java.lang.NullPointerException", R.UNKNOWN, R.UNAVAILABLE, None),
        (9, "处理超時", R.UNKNOWN, R.UNAVAILABLE, None),
        (21010, "处理结果为必填项", R.REJECTED, R.REJECTED, None),
        (1, "", R.REJECTED, R.REJECTED, None),
    ],
)
def test_fxiaoke_answers_a_code_has_its_kind(
    code: int, words: str, at_change: FailureKind, at_question: FailureKind, wait: float | None
) -> None:
    for written in (code, str(code)):
        answer = read(orjson.dumps({"errorCode": written, "errorMessage": words, "errorDescription": words}))
        assert answer is not None
        assert (answer.ok, answer.words) == (False, words)
        assert kind_of(answer, changes=True) is at_change
        assert kind_of(answer, changes=False) is at_question
        assert wait_s(answer, NOON) == wait


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"errorCode": null}',
        b'{"errorCode": true}',
        b'{"errorCode": ""}',
        b'{"errorCode": [0]}',
        b'{"errorCode": 0',
        b'{"data": {}}',
        b"\xff\xfe\x00",
    ],
)
def test_fxiaoke_answers_what_has_no_code_is_none(body: bytes) -> None:
    assert read(body) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_fxiaoke_answers_are_read_in_utf_8_and_gb_18030(encoding: str) -> None:
    answer = read('{"errorCode":0,"errorMessage":"成功,客户名称:示例公司","errorDescription":5}'.encode(encoding))
    assert answer is not None
    assert (answer.ok, answer.words) == (True, "成功,客户名称:示例公司")


def test_fxiaoke_answers_a_list_is_one_of_the_object_with_ids_in_it() -> None:
    rows = [{"_id": "a", "object_describe_api_name": "CasesObj"}, {"_id": "b"}]
    assert rows_in({"data": {"dataList": rows}}, "CasesObj") == rows
    others: Sequence[Mapping[str, Any]] = (
        {},
        {"data": {"_id": "a"}},
        {"data": []},
        {"data": {"dataList": {}}},
        {"data": {"dataList": ["a"]}},
        {"data": {"dataList": [{"name": "x"}]}},
        {"data": {"dataList": [{"_id": ""}]}},
        {"data": {"dataList": [{"_id": "a", "object_describe_api_name": "AccountObj"}]}},
    )
    for other in others:
        assert rows_in(other, "CasesObj") is None, other
