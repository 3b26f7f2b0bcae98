"""Names of the fields in which answers speak of the call itself, by family; not those of a record. Pure.

Compared without case, `_`, `-` and blanks, in simplified characters: `rtnCode`, `RTN_CODE` and `rtn-code` are one.
docs/answers.md.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from bus.domain.simplified import simplified


class FieldRole(Enum):
    """What a field of an answer is for."""

    CODE = "code"
    HTTP_STATUS = "http status"  # a code, of one call in a batch
    SUCCESS = "success"  # true or false, and numbers alike
    FLAG = "flag"  # true, false or a word; a number means one thing here and its opposite there
    VALIDITY = "validity"  # true or false; a record's own in a record
    RESULT = "result"  # a word, a letter or a number about the call
    WORD = "word"  # the same, that may as well be a record's own
    STATE = "state"  # the same, but for words a record's own unless a message is beside
    TYPE = "type"  # SAP's letter of a message
    ERROR = "error"  # there only where something failed
    FAILURES = "failures"  # how many of a batch failed, or which
    LEFT_OUT = "left out"  # the same of what the receiver passed over, which is no failure if it had come before
    ERROR_TEXT = "error text"
    MESSAGE = "message"
    HEAD = "head"  # an object about the call
    OTHER = "other"


_ABOUT: Final = r"(?:err|error|fail|ret|rtn|return|result|rst|res|resp|response|rsp|reply|ack|status|sub)"
_BEFORE: Final = rf"(?:api|http|biz|sys|svc|gateway|gw|inner|op|msg|base|{_ABOUT})*"
_OF_ERROR: Final = r"(?:err|error|exception|fault|fail)"
_TEXT: Final = r"(?:msg|message|desc|dsc|description|info|text|tips?|string|reason|details?|remark)"
_ANSWER: Final = r"(?:ret|rtn|return|result|resp|response|rsp)"
_VERB: Final = (  # what a call does, before `Result`, `Success`, `Ok`
    r"(?:op|oper|operate|operation|handle|process|deal|exec|execute|update|save|submit|sync|push|send|call|invoke"
    r"|notify|receive|callback|import|write|create|add|insert|modify|biz|business|api)"
)
_TAKEN: Final = r"accepted|succeed|succeeded|successful|succ|suc"  # whether the call was taken, and nothing else
_QUEUED: Final = r"(?:en)?queued|received|ack(?:ed|nowledged)"  # the same, but those of a record
_COUNT: Final = r"(?:count|cnt|num|number|total|qty|rows?|records?|items?|list|ids?|size)"
_PASSED_OVER: Final = r"(?:ignored|skip(?:ped)?|discarded|dropped)"
_FAMILIES: Final[tuple[tuple[FieldRole, re.Pattern[str]], ...]] = tuple(
    (kind, re.compile("|".join(names)))
    for kind, *names in (
        (FieldRole.TYPE, r"type|(?:msg|message)ty(?:pe)?"),
        (FieldRole.HTTP_STATUS, r"httpstatus(?:code)?"),
        (FieldRole.CODE, rf"code|{_BEFORE}{_ABOUT}(?:code|cd)|{_OF_ERROR}(?:no|num|number)|ret|rc|(?:sy)?subrc"),
        (FieldRole.CODE, r"msgcode|代码|(?:返回|错误|状态|响应|结果)(?:代?码|编码|代号)"),
        (FieldRole.CODE, r"(?:http)?statuscodes"),
        (FieldRole.SUCCESS, rf"(?:is)?{_VERB}?(?:success|ok)|is(?:succeed|succeeded|successful|succ|suc)|apistatus"),
        (FieldRole.SUCCESS, r"(?:是否)?成功"),
        (FieldRole.FLAG, rf"{_TAKEN}|{_BEFORE}(?:success)?(?:flag|flg)"),
        (FieldRole.RESULT, rf"result|rsp|resp|ack|ask|rst|{_ANSWER}(?:status|result)|{_VERB}result|return(?:value)?"),
        (FieldRole.RESULT, r"(?:操作|处理|执行|返回|调用|更新|同步)?结果"),
        (FieldRole.VALIDITY, rf"(?:is)?(?:valid|{_QUEUED})"),
        (FieldRole.WORD, r"statut|status(?:es)?|bizcode"),
        (FieldRole.STATE, rf"{_ANSWER}?state|stat|outcome"),
        (FieldRole.ERROR, r"errs?|errors?|errormessages|(?:gw)?err(?:or)?(?:resp(?:onse)?|body)|fail(?:ed)?"),
        (FieldRole.ERROR, r"(?:is|has)(?:err(?:or)?s?|exceptions?|fail(?:ed|ures?)?)"),
        (FieldRole.ERROR, r"unauthori[sz]ed(?:request)?"),
        (
            FieldRole.ERROR,
            r"(?:validation|field|model|param(?:eter)?)(?:errors?|failures)|violations",
        ),
        (FieldRole.FAILURES, rf"failures?|(?:err(?:or)?|fail(?:ed|ure)?)s?{_COUNT}"),
        (FieldRole.FAILURES, r"rejected|refused|(?:not|un)(?:processed|accepted|handled|saved|updated)"),
        (FieldRole.FAILURES, r"(?:失败|错误)(?:条?数|数量|总数|列表)"),
        (FieldRole.LEFT_OUT, rf"(?:is)?{_PASSED_OVER}|{_PASSED_OVER}{_COUNT}|(?:忽略|跳过|丢弃)(?:条?数|数量|总数)"),
        (FieldRole.ERROR_TEXT, rf"{_BEFORE}{_OF_ERROR}{_TEXT}|exception|exceptiontype"),
        (FieldRole.ERROR_TEXT, r"(?:错误|异常|失败)(?:信息|消息|描述|说明|原因)"),
        (FieldRole.MESSAGE, rf"{_BEFORE}(?:msg|message)(?:data|text|txt)?|(?:user)?message|{_BEFORE}{_ABOUT}{_TEXT}"),
        (FieldRole.MESSAGE, r"info|desc|dsc|reason|tips?|detail|(?:返回|提示|响应|结果)?(?:信息|消息|描述|说明|原因)"),
        (FieldRole.HEAD, r"responsestatus|(?:job|task|batch)status|meta|.*head|.*header|base_?resp"),
    )
)
_NEUTRAL: Final = re.compile(
    rf"data|body|time|timestamp|date|index|(?:http)?headers|servertime|path|sign|version|(?:request|trace|log|msg|message|span|correlation)id"
    rf"|cost|description|now|messages|infos|count|msgcount|total(?:count)?|suc+(?:es+)?(?:ful)?s?{_COUNT}"
)
# What is shown to people beside the texts that an answer is judged by.
_SHOWN: Final = re.compile(r"errors?|errormessages|(?!log|last)[a-z]*(?:msg|message)(?:text|txt|data)?")
_CALL_FLAG: Final = re.compile(rf"{_TAKEN}|(?:is)?(?:{_QUEUED})")
# What stands before the names of output parameters, Oracle's and SAP's.
_OUTPUT: Final = re.compile(
    r"\s*(?:(?:[xop]|e[stv]?|z)_(?=[a-z])|z(?=(?:type|msg|message|code|status|flag)$))", re.IGNORECASE
)
# Names of a record's own key; and those of a call.
_RECORD: Final = re.compile(r"(?:.*_)?id|.*[a-z](?:Id|ID)|ID|number|uuid|guid|__metadata")
_CALL: Final = re.compile(
    r"(?:request|req|trace|log|msg|message|span|correlation|context|client|batch)_?id|e?businessid", re.IGNORECASE
)
_SAP_MESSAGE: Final = frozenset({"type", "id", "number", "message"})  # BAPIRET2: these number the message


def plain_name(name: str) -> str:
    """Give a name as it is compared."""
    return simplified(re.sub(r"[\s_-]", "", name).casefold())


@lru_cache(maxsize=4096)  # a target's answers have the same names each time
def call_name(name: str) -> str:
    """Give a name as it is judged: as compared, and without what marks an output parameter (`X_RETURN_STATUS`)."""
    marked = _OUTPUT.match(name)
    return plain_name(name[marked.end() :] if marked else name)


@lru_cache(maxsize=4096)
def role(plain: str) -> FieldRole:
    """Give the role of a field by its compared name."""
    return next((kind for kind, names in _FAMILIES if names.fullmatch(plain)), FieldRole.OTHER)


@lru_cache(maxsize=4096)
def is_call_flag(plain: str) -> bool:
    """Say whether a flag is about the call wherever it stands, as `accepted` is and `flag` or `active` is not."""
    return _CALL_FLAG.fullmatch(plain) is not None


@lru_cache(maxsize=4096)
def is_shown(plain: str) -> bool:
    """Say whether a field or element holds what a system says to people of a failure."""
    return role(plain) in (FieldRole.MESSAGE, FieldRole.ERROR_TEXT) or _SHOWN.fullmatch(plain) is not None


def is_record(value: Mapping[str, Any]) -> bool:
    """Say whether it is a record of theirs, whose `status` and message are its own."""
    if {plain_name(name) for name in value} >= _SAP_MESSAGE:
        return False
    return any(_names_record(name) for name in value)


def is_about_call(value: Mapping[str, Any], *, with_ids: bool = False) -> bool:
    """Say whether all fields speak of the call: codes, flags, texts, times, data; `with_ids`: and what it was for."""
    if {plain_name(name) for name in value} >= _SAP_MESSAGE:
        return True
    return all(
        _about_call(call_name(name), one) or _CALL.fullmatch(name) or (with_ids and _names_record(name))
        for name, one in value.items()
    )


def _about_call(plain: str, value: object) -> bool:
    kind = role(plain)
    if kind is FieldRole.TYPE:  # a letter is SAP's; a word is a record's
        return isinstance(value, str) and len(value.strip()) == 1
    return kind is not FieldRole.OTHER or _NEUTRAL.fullmatch(plain) is not None


def _names_record(name: str) -> bool:
    return bool(_RECORD.fullmatch(name)) and not _CALL.fullmatch(name)
