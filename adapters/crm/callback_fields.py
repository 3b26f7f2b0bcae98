"""Which fields of a 2xx answer say that it failed: the usual ones of vendors, or those that a targets file names. Pure.

docs/answers.md has the table. Names are compared without case, `_`, `-` and blanks; one field that tells of a failure
is enough.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from adapters.crm.answer_words import GOOD, Meaning, sentence, word


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
_FLAGS: Final = frozenset({"success", "issuccess", "ok", "apistatus"})
_WORDS: Final = frozenset({"result", "status"})
_ERRORS: Final = frozenset({"error", "errors", "errorresponse", "errormessages", "iserror", "haserror"})
_ERROR_TEXTS: Final = frozenset(
    {"errmsg", "errormsg", "errormessage", "errordescription", "exception", "exceptionmessage", "exceptiontype"}
    | {"faultstring", "faultcode"}
)
_MESSAGES: Final = _ERROR_TEXTS | {"msg", "message", "info", "retmsg", "returnmsg", "resultmsg", "statusstring"}
_SAP_TYPES: Final = frozenset({"type", "msgty", "msgtype"})  # E and A beside a message, in BAPIRET2 and what follows it
_NEUTRAL: Final = _MESSAGES | {"data", "time", "timestamp", "requestid", "traceid", "path", "code", "status", "result"}
_WRAPPERS: Final = frozenset({"responsestatus", "meta", "head", "header"})
# Names of a record's own key; and those of a call.
_RECORD: Final = re.compile(r"(?:.*_)?id|.*[a-z](?:Id|ID)|ID|number|uuid|guid|__metadata")
_CALL: Final = re.compile(r"(?:request|trace|log|msg|message|span|correlation|context|client)_?id", re.IGNORECASE)
_SAP_MESSAGE: Final = frozenset({"type", "id", "number", "message"})  # BAPIRET2: these number the message
ITEMS_MAX: Final = 1000  # of a list in an answer
_WITHIN: Final = 3  # so deep an answer may be wrapped
_CODE_MIN: Final = 1000  # a `status` from here on is no state of a record, where a message stands beside it

_NO_ERROR: Final = frozenset({"", "0", "false", "no", "none", "null", "nil", "无"}) | GOOD - {"true", "yes"}
# 0 in any length, the 2xx of HTTP, and two that common products use for success: an admin template's and Yonyou NCC's.
_GOOD_CODE: Final = re.compile(r"[+-]?0+(\.0+)?|2[0-9]{2}|20000|1000000000")
_FLAG_LETTERS: Final = {"y": Meaning.DONE, "t": Meaning.DONE, "n": Meaning.FAILED, "f": Meaning.FAILED}
_STATUS_LETTERS: Final = {"s": Meaning.DONE, "e": Meaning.FAILED}  # SAP's
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")


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
    return _chosen(_usual(reply, _WITHIN) if rule.done_when is None else list(_named(reply, rule.done_when)))


def _chosen(verdicts: Sequence[FieldVerdict]) -> FieldVerdict:
    """Choose what counts: a failure, with its code if one has it, before what says done."""
    failed = [one for one in verdicts if one.meaning is Meaning.FAILED]
    if failed:
        return next((one for one in failed if one.code), failed[0])
    done = (one for one in verdicts if one.meaning is Meaning.DONE)
    return next(done, FieldVerdict(meaning=Meaning.UNCLEAR))


def _usual(reply: Mapping[str, Any], within: int) -> list[FieldVerdict]:
    """Judge an answer by the usual fields: its own, then the words beside them, then what it wraps."""
    message = _message(reply)
    found = [one for name, value in reply.items() for one in _field(_plain_name(name), value, message, within)]
    if any(one.meaning is not Meaning.UNCLEAR for one in found):
        return found
    found += _by_message(reply, message)
    if found or not within:
        return found
    wrapped = [value for one in reply.values() if isinstance(value := _opened(one), Mapping | list) and value]
    if len(wrapped) != 1:
        return []
    inner = wrapped[0] if isinstance(wrapped[0], list) else wrapped
    records = [one for one in inner[:ITEMS_MAX] if isinstance(one, Mapping) and not _is_record(one)]
    return [_chosen(_usual(one, within - 1)) for one in records]


def _opened(value: object) -> object:
    """Give what JSON in a string holds, as ASP.NET writes it under `d`; anything else as it is."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _message(reply: Mapping[str, Any]) -> Meaning | None:
    """Judge the sentences that stand beside a code; None where there is none."""
    texts = [text for name, text in reply.items() if _plain_name(name) in _MESSAGES and isinstance(text, str)]
    meanings = [sentence(text) for text in texts if text.strip()]
    decided = (one for one in (Meaning.FAILED, Meaning.DONE) if one in meanings)
    return next(decided, Meaning.UNCLEAR if meanings else None)


def _by_message(reply: Mapping[str, Any], message: Meaning | None) -> list[FieldVerdict]:
    """Judge what no code, flag or word decides by its texts: of an error, or of an answer that is no record."""
    for name, value in reply.items():
        plain = _plain_name(name)
        if plain in _ERROR_TEXTS and isinstance(value, str) and spelled(value) not in _NO_ERROR:
            return [FieldVerdict(meaning=message if message is Meaning.DONE else Meaning.FAILED, field=plain)]
        if plain in _SAP_TYPES and message is not None and spelled(value) in ("e", "a"):
            return [FieldVerdict(meaning=Meaning.FAILED, field=plain)]
    if message is not Meaning.FAILED or _is_record(reply):
        return []
    scalars = {_plain_name(name): text for name, value in reply.items() if (text := spelled(value))}
    counts = any(_NUMBER.fullmatch(scalars.get(name, "")) for name in _WORDS)
    if counts or (not _WORDS & scalars.keys() and scalars.keys() <= _NEUTRAL):
        return [FieldVerdict(meaning=Meaning.FAILED, field=next(name for name in scalars if name in _MESSAGES))]
    return []


def _is_record(value: Mapping[str, Any]) -> bool:
    """Say whether it is a record of theirs, whose `status` and message are its own."""
    if {_plain_name(name) for name in value} >= _SAP_MESSAGE:
        return False
    return any(_RECORD.fullmatch(name) and not _CALL.fullmatch(name) for name in value)


def _field(name: str, value: object, message: Meaning | None, within: int) -> Iterator[FieldVerdict]:
    if isinstance(value, Mapping) and name in _WRAPPERS:
        yield from _usual(value, within - 1) if within else ()
    elif isinstance(value, Mapping) and name == "result":  # a record, or Kingdee's Result.ResponseStatus
        status = {key: one for key, one in value.items() if _plain_name(key) == "responsestatus"}
        yield from _usual(status, within - 1) if status and within else ()
    elif name in _ERRORS:
        yield FieldVerdict(meaning=_error(value), field=name)
    elif (text := spelled(value)) is None:
        return
    elif name in _CODES:
        meaning = _code(text, message)
        yield FieldVerdict(meaning=meaning, field=name, code=str(value).strip() if meaning is Meaning.FAILED else "")
    elif name in _FLAGS:
        yield FieldVerdict(meaning=_flag(text), field=name)
    elif name in _WORDS:
        yield _status(name, text, message)


def _named(reply: Mapping[str, Any], done_when: Mapping[tuple[str, ...], frozenset[str]]) -> Iterator[FieldVerdict]:
    for path, good in done_when.items():
        value = _at(reply, path)
        if value is not None and (text := spelled(value)) is not None:
            done = text in good
            meaning = Meaning.DONE if done else Meaning.FAILED
            yield FieldVerdict(meaning=meaning, field=".".join(path), code="" if done else str(value).strip())


def _at(value: object, path: Sequence[str]) -> object:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = next((inner for key, inner in value.items() if _plain_name(key) == name), None)
    return value


def _plain_name(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _code(text: str, message: Meaning | None) -> Meaning:
    """Judge a code; what says in words that it succeeded has a number of its own for it, such as 1."""
    if not text:
        return Meaning.UNCLEAR
    own_number = message is Meaning.DONE and _NUMBER.fullmatch(text) and float(text) > 0
    return Meaning.DONE if text in GOOD or _GOOD_CODE.fullmatch(text) or own_number else Meaning.FAILED


def _flag(text: str) -> Meaning:
    if _NUMBER.fullmatch(text):
        return Meaning.DONE if float(text) > 0 else Meaning.FAILED
    return _FLAG_LETTERS.get(text) or word(text)


def _status(name: str, text: str, message: Meaning | None) -> FieldVerdict:
    """Judge a word or number that may as well be a record's own; 0 and 1 mean one thing here and its opposite there."""
    if not _NUMBER.fullmatch(text):
        return FieldVerdict(meaning=_STATUS_LETTERS.get(text) or word(text), field=name)
    number = float(text)
    if number < 0 or 400 <= number < 600:
        return FieldVerdict(meaning=Meaning.FAILED, field=name)
    if 200 <= number < 300:
        return FieldVerdict(meaning=Meaning.DONE, field=name)
    if number >= _CODE_MIN and message is not None and _code(text, message) is Meaning.FAILED:
        return FieldVerdict(meaning=Meaning.FAILED, field=name, code=text)
    return FieldVerdict(meaning=Meaning.UNCLEAR, field=name)


def _error(value: object) -> Meaning:
    if isinstance(value, Mapping | list | tuple):
        return Meaning.FAILED if value else Meaning.UNCLEAR
    return Meaning.UNCLEAR if spelled(value) in _NO_ERROR else Meaning.FAILED
