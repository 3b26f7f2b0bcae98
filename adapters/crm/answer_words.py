"""Words and sentences of an answer that say whether it was done, in Chinese and English. Pure; docs/answers.md."""

import re
from enum import Enum
from typing import Final


class Meaning(Enum):
    """What a field, or a whole answer, says of the delivery."""

    DONE = "done"
    FAILED = "failed"
    UNCLEAR = "unclear"  # nothing in it speaks of it
    UNREADABLE = "unreadable"  # no answer of such a receiver: a page, or half of a text


GOOD: Final = frozenset(
    {"ok", "okay", "success", "succeed", "succeeded", "successful", "done", "accepted", "received", "created"}
    | {"queued", "true", "yes", "成功", "操作成功", "处理成功", "接收成功", "请求成功"}
)
_BAD_FIRST: Final = frozenset(
    {"fail", "failed", "failure", "error", "err", "fatal", "exception"}
    | {"失败", "操作失败", "处理失败", "接收失败", "请求失败", "错误", "异常"}
)
_BAD: Final = _BAD_FIRST | {
    *("false", "no", "ng", "nok", "rejected", "refused", "denied", "invalid", "unauthorized", "forbidden", "timeout"),
    "拒绝",
}
_FIRST_WORD: Final = re.compile(r"[\s:;,.!()\uff1a\uff1b\uff0c\u3002\uff01]+")
_FAILURES: Final = r"失败|失敗|错误|錯誤|异常|異常|\b(?:fail(?:ed|ures?|s)?|errors?|exceptions?)\b"
_NO_FAILURE: Final = re.compile(
    rf"(?:没有|沒有|无|無|未发生|\bno |\bwithout |\bzero |(?<![0-9])0 ?[条個个项]?)(?:任何|any )?(?:{_FAILURES})"
    rf"|(?:{_FAILURES})[\s:=\uff1a]*0(?![0-9.])"
)
_FAILURE: Final = re.compile(
    rf"{_FAILURES}|不存在|无效|非法|拒绝|未授权|无权|没有权限|不正确|不合法|过期|超时|超限|不能为空|缺少|(?:不|未)成功"
    r"|\b(?:invalid|denied|unauthori[sz]ed|forbidden|not found|rejected|refused|timed? ?out|expired|unsuccessful)\b"
)
_SUCCESS: Final = re.compile(r"成功|完成|\b(?:success(?:ful(?:ly)?)?|ok)\b")
# A text that is no document tells of a failure by its end, or by both words: as Microsoft Teams does in a 200.
_FAILED_TEXT: Final = re.compile(r"(?:失败|失敗)[.!\u3002\uff01]?$|\bfailed with (?:an )?(?:error|exception)\b")


def word(text: str) -> Meaning:
    """Judge one word or name of a state, in lower case."""
    return Meaning.DONE if text in GOOD else Meaning.FAILED if text in _BAD else Meaning.UNCLEAR


def sentence(text: str) -> Meaning:
    """Judge the words beside a code: `更新失败`, `Ticket not found`, `请求成功!`, `成功3条,失败0条`."""
    rest = _NO_FAILURE.sub(" ", text.strip().casefold())
    if _FAILURE.search(rest):
        return Meaning.FAILED
    return Meaning.DONE if _SUCCESS.search(rest) or rest in GOOD else Meaning.UNCLEAR


def whole_text(text: str) -> Meaning:
    """Judge an answer that is no document by its first word or its end: `ok`, `Error: no such ticket`, `更新失败`."""
    whole = text.strip().casefold()
    first, *_ = _FIRST_WORD.split(whole, maxsplit=1)
    failed = first in _BAD_FIRST or _FAILED_TEXT.search(_NO_FAILURE.sub(" ", whole))
    return Meaning.FAILED if failed else word(whole)
