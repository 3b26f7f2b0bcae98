"""Names of the fields in which answers speak of the call itself, by family; not those of a record. Pure.

Compared without case, `_`, `-` and blanks: `rtnCode`, `RTN_CODE` and `rtn-code` are one name. docs/answers.md.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final


class FieldRole(Enum):
    """What a field of an answer is for."""

    CODE = "code"
    SUCCESS = "success"  # true or false, and numbers alike
    FLAG = "flag"  # true, false or a word; a number means one thing here and its opposite there
    WORD = "word"  # a word or a number, that may as well be a record's own
    STATE = "state"  # the same, but for words a record's own unless a message is beside
    ERROR = "error"  # there only where something failed
    ERROR_TEXT = "error text"
    MESSAGE = "message"
    HEAD = "head"  # an object about the call
    OTHER = "other"


_ABOUT: Final = r"(?:err|error|fail|ret|rtn|return|result|rst|res|resp|response|rsp|reply|ack|status|sub)"
_BEFORE: Final = rf"(?:api|biz|sys|svc|gateway|gw|inner|op|msg|base|{_ABOUT})*"
_OF_ERROR: Final = r"(?:err|error|exception|fault|fail)"
_TEXT: Final = r"(?:msg|message|desc|dsc|description|info|text|tips?|string|reason|details?|remark)"
_FAMILIES: Final[tuple[tuple[FieldRole, re.Pattern[str]], ...]] = (
    (FieldRole.CODE, re.compile(rf"code|{_BEFORE}{_ABOUT}(?:code|cd)|{_OF_ERROR}(?:no|num|number)|ret|rc")),
    (FieldRole.SUCCESS, re.compile(r"(?:is)?success|ok|apistatus")),
    (
        FieldRole.FLAG,
        re.compile(rf"(?:is)?(?:ok|succeed|succeeded|successful|succ|suc)|{_BEFORE}(?:success)?(?:flag|flg)"),
    ),
    (
        FieldRole.WORD,
        re.compile(r"result|status|rsp|resp|ack|(?:ret|rtn|return|result|resp|response|rsp)(?:status|result)"),
    ),
    (FieldRole.STATE, re.compile(r"(?:ret|rtn|return|result|resp|response|rsp)?state|stat|outcome")),
    (
        FieldRole.ERROR,
        re.compile(
            r"err|errors?|errormessages|(?:is|has)(?:error|fail(?:ed|ure)?)|(?:gw)?err(?:or)?resp(?:onse)?|failed"
        ),
    ),
    (FieldRole.ERROR_TEXT, re.compile(rf"{_BEFORE}{_OF_ERROR}{_TEXT}|exception|exceptiontype")),
    (
        FieldRole.MESSAGE,
        re.compile(rf"{_BEFORE}(?:msg|message)|{_BEFORE}{_ABOUT}{_TEXT}|info|desc|dsc|reason|tips?|detail"),
    ),
    (FieldRole.HEAD, re.compile(r"responsestatus|meta|.*head|.*header|base_?resp")),
)
_NEUTRAL: Final = re.compile(
    r"data|body|time|timestamp|date|servertime|path|sign|version|(?:request|trace|log|msg|message|span|correlation)id|cost|description|now"
)
# Names of a record's own key; and those of a call.
_RECORD: Final = re.compile(r"(?:.*_)?id|.*[a-z](?:Id|ID)|ID|number|uuid|guid|__metadata")
_CALL: Final = re.compile(
    r"(?:request|req|trace|log|msg|message|span|correlation|context|client)_?id|e?businessid", re.IGNORECASE
)
_SAP_MESSAGE: Final = frozenset({"type", "id", "number", "message"})  # BAPIRET2: these number the message


def plain_name(name: str) -> str:
    """Give a name as it is compared."""
    return re.sub(r"[\s_-]", "", name).casefold()


def role(plain: str) -> FieldRole:
    """Give the role of a field by its compared name."""
    return next((kind for kind, names in _FAMILIES if names.fullmatch(plain)), FieldRole.OTHER)


def is_record(value: Mapping[str, Any]) -> bool:
    """Say whether it is a record of theirs, whose `status` and message are its own."""
    if {plain_name(name) for name in value} >= _SAP_MESSAGE:
        return False
    return any(_names_record(name) for name in value)


def is_about_call(value: Mapping[str, Any], *, with_ids: bool = False) -> bool:
    """Say whether all fields speak of the call: codes, flags, texts, times, data; `with_ids`: and what it was for."""
    return all(
        role(plain := plain_name(name)) is not FieldRole.OTHER
        or _NEUTRAL.fullmatch(plain)
        or _CALL.fullmatch(name)
        or (with_ids and _names_record(name))
        for name in value
    )


def _names_record(name: str) -> bool:
    return bool(_RECORD.fullmatch(name)) and not _CALL.fullmatch(name)
