"""Which fields of a 2xx answer say that it failed: the usual ones of vendors, or those that a targets file names. Pure.

docs/answers.md has the table. Names are compared without case, `_`, `-` and blanks; one field that tells of a failure
is enough.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Meaning(Enum):
    """What a field, or a whole answer, says of the delivery."""

    DONE = "done"
    FAILED = "failed"
    UNCLEAR = "unclear"  # nothing in it speaks of it
    UNREADABLE = "unreadable"  # no answer of such a receiver: a page, or half of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRule:
    """How a target's 2xx answers are read.

    `done_when`: path of a field → the values, as `spelled`, that mean done; None: the usual fields. `unclear_is_done`:
    whether an answer counts that has none of them.
    """

    done_when: Mapping[tuple[str, ...], frozenset[str]] | None = None
    unclear_is_done: bool = True

    @property
    def status_alone(self) -> bool:
        """Say whether the HTTP status counts, whatever the body is."""
        return self.done_when is not None and not self.done_when


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldVerdict:
    """What an answer says; `field` that said so, and the vendor's `code` where it failed."""

    meaning: Meaning
    field: str = ""
    code: str = ""


_CODES: Final = frozenset(
    {"code", "errcode", "errorcode", "errno", "retcode", "returncode", "resultcode", "respcode", "rspcode"}
    | {"statuscode", "ret"}
)
_FLAGS: Final = frozenset({"success", "issuccess", "ok"})
_WORDS: Final = frozenset({"result", "status"})
_ERRORS: Final = frozenset({"error", "errors"})
_WRAPPERS: Final = frozenset({"responsestatus", "meta", "head", "header"})

_GOOD: Final = frozenset(
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
_NO_ERROR: Final = frozenset({"", "0", "false", "no", "none", "null", "nil", "无"}) | _GOOD
# 0 in any length, the 2xx of HTTP, and two that common products use for success: an admin template's and Yonyou NCC's.
_GOOD_CODE: Final = re.compile(r"[+-]?0+(\.0+)?|2[0-9]{2}|20000|1000000000")
_FLAG_LETTERS: Final = {"y": Meaning.DONE, "t": Meaning.DONE, "n": Meaning.FAILED, "f": Meaning.FAILED}
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_FIRST_WORD: Final = re.compile(r"[\s:;,.!()\uff1a\uff1b\uff0c\u3002\uff01]+")


def field_path(text: str) -> tuple[str, ...]:
    """Give the path of a field as it is compared: `Result.IsSuccess` is ("result", "issuccess")."""
    return tuple(_plain_name(part) for part in text.split("."))


def spelled(value: object) -> str | None:
    """Give a scalar as text in lower case, `true` of a bool and `1` of 1.0; None for what is no scalar."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case int() | float() | str():
            return str(value).strip().casefold()
        case _:
            return None


def read_fields(reply: Mapping[str, Any], rule: AnswerRule) -> FieldVerdict:
    """Judge an answer by its fields."""
    found = _usual(reply) if rule.done_when is None else _named(reply, rule.done_when)
    verdicts = [FieldVerdict(meaning=meaning, field=name, code=code) for name, meaning, code in found]
    failed = [one for one in verdicts if one.meaning is Meaning.FAILED]
    if failed:
        return next((one for one in failed if one.code), failed[0])
    done = (one for one in verdicts if one.meaning is Meaning.DONE)
    return next(done, FieldVerdict(meaning=Meaning.UNCLEAR))


def read_word(text: str) -> Meaning:
    """Judge a text that is no document by its first word: `ok`, `fail`, `Error: no such ticket`."""
    whole = text.strip().casefold()
    first, *_ = _FIRST_WORD.split(whole, maxsplit=1)
    return Meaning.FAILED if first in _BAD_FIRST else _word(whole)


def _usual(reply: Mapping[str, Any]) -> Iterator[tuple[str, Meaning, str]]:
    for name, value in reply.items():
        plain = _plain_name(name)
        if isinstance(value, Mapping) and plain in _WRAPPERS:
            yield from _usual(value)
        elif isinstance(value, Mapping) and plain == "result":  # a record, or Kingdee's Result.ResponseStatus
            yield from _usual({key: one for key, one in value.items() if _plain_name(key) == "responsestatus"})
        elif plain in _ERRORS:
            yield plain, _error(value), ""
        elif (text := spelled(value)) is None:
            continue
        elif plain in _CODES:
            meaning = _code(text)
            yield plain, meaning, str(value).strip() if meaning is Meaning.FAILED else ""
        elif plain in _FLAGS:
            yield plain, _flag(text), ""
        elif plain in _WORDS:
            yield plain, _status(text), ""


def _named(
    reply: Mapping[str, Any], done_when: Mapping[tuple[str, ...], frozenset[str]]
) -> Iterator[tuple[str, Meaning, str]]:
    for path, good in done_when.items():
        value = _at(reply, path)
        if value is not None and (text := spelled(value)) is not None:
            done = text in good
            yield ".".join(path), Meaning.DONE if done else Meaning.FAILED, "" if done else str(value).strip()


def _at(value: object, path: Sequence[str]) -> object:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = next((inner for key, inner in value.items() if _plain_name(key) == name), None)
    return value


def _plain_name(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _code(text: str) -> Meaning:
    if not text:
        return Meaning.UNCLEAR
    return Meaning.DONE if text in _GOOD or _GOOD_CODE.fullmatch(text) else Meaning.FAILED


def _flag(text: str) -> Meaning:
    if _NUMBER.fullmatch(text):
        return Meaning.DONE if float(text) > 0 else Meaning.FAILED
    return _FLAG_LETTERS.get(text) or _word(text)


def _status(text: str) -> Meaning:
    """Judge a word or number that may as well be a record's own; 0 and 1 mean one thing here and its opposite there."""
    if not _NUMBER.fullmatch(text):
        return _word(text)
    number = float(text)
    if number < 0 or 400 <= number < 600:
        return Meaning.FAILED
    return Meaning.DONE if 200 <= number < 300 else Meaning.UNCLEAR


def _word(text: str) -> Meaning:
    return Meaning.DONE if text in _GOOD else Meaning.FAILED if text in _BAD else Meaning.UNCLEAR


def _error(value: object) -> Meaning:
    if isinstance(value, Mapping | list | tuple):
        return Meaning.FAILED if value else Meaning.UNCLEAR
    return Meaning.UNCLEAR if spelled(value) in _NO_ERROR else Meaning.FAILED
