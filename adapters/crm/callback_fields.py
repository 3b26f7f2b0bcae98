"""Which fields of a 2xx answer say that it failed: the usual ones of vendors, or those that a targets file names. Pure.

docs/answers.md has the rules. One field that tells of a failure is enough, and a plain sentence that does is one,
whatever code or flag stands beside it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

import orjson

from adapters.crm.answer_names import FieldRole, is_about_call, is_record, plain_name, role
from adapters.crm.answer_words import GOOD, Meaning, compound, plainly_failed, sentence, word


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


_SAP_TYPES: Final = frozenset({"type", "msgty", "msgtype"})  # E and A beside a message, in BAPIRET2 and what follows it
_TEXTS: Final = frozenset({FieldRole.MESSAGE, FieldRole.ERROR_TEXT})
_VERDICTS: Final = frozenset({FieldRole.CODE, FieldRole.SUCCESS, FieldRole.FLAG, FieldRole.WORD, FieldRole.STATE})
ITEMS_MAX: Final = 1000  # of a list in an answer
_WITHIN: Final = 3  # so deep an answer may be wrapped
_CODE_MIN: Final = 1000  # a `status` from here on is no state of a record, where a message stands beside it
_OWN_CODE_MAX: Final = 400  # from here on a number beside `success: true` reads as one of HTTP's

_NO_ERROR: Final = frozenset({"", "0", "false", "no", "none", "null", "nil", "无"}) | GOOD - {"true", "yes"}
# 0 in any length, also behind letters (SYS000, S0000), the 2xx of HTTP, and three that common products use for success:
# an admin template's, Yonyou NCC's and SF Express's.
_GOOD_CODE: Final = re.compile(r"[+-]?0+(\.0+)?|(?![ef])[a-z]{1,5}0{3,}|2[0-9]{2}|20000|1000000000|a1000")
_FLAG_LETTERS: Final = {"y": Meaning.DONE, "t": Meaning.DONE, "n": Meaning.FAILED, "f": Meaning.FAILED}
_STATUS_LETTERS: Final = {"s": Meaning.DONE, "e": Meaning.FAILED}  # SAP's
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")


def field_path(text: str) -> tuple[str, ...]:
    """Give the path of a field as it is compared: `Result.IsSuccess` is ("result", "issuccess")."""
    return tuple(plain_name(part) for part in text.split("."))


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
    """Judge an answer by the usual fields: its own, the words beside them, what it wraps that speaks of the call."""
    beside = _Beside.of(reply)
    found = [one for name, value in reply.items() for one in _field(plain_name(name), value, beside, within)]
    found += _by_texts(reply, beside)
    if not within or any(one.meaning is Meaning.FAILED for one in found):
        return found
    found += [one for value in reply.values() for one in _inside(_opened(value), within - 1)]
    if any(one.meaning is not Meaning.UNCLEAR for one in found):
        return found
    wrapped = [value for one in reply.values() if isinstance(value := _opened(one), Mapping | list) and value]
    if found or len(wrapped) != 1:
        return found
    inner = wrapped[0] if isinstance(wrapped[0], list) else wrapped
    records = [one for one in inner[:ITEMS_MAX] if isinstance(one, Mapping) and not is_record(one)]
    return [_chosen(_usual(one, within - 1)) for one in records]


def _inside(value: object, within: int) -> Iterator[FieldVerdict]:
    """Judge the objects inside that are nothing but an answer: a code with its words, or a `success`."""
    if not isinstance(value, Mapping) or is_record(value):
        return
    names = {plain_name(name) for name, one in value.items() if spelled(one)}
    roles = {role(name) for name in names}
    has_text = roles & _TEXTS or "description" in names
    if is_about_call(value) and (FieldRole.SUCCESS in roles or (has_text and roles & _VERDICTS)):
        yield _chosen(_usual(value, within))
    elif within:
        for one in value.values():
            yield from _inside(_opened(one), within - 1)


def _opened(value: object) -> object:
    """Give what JSON in a string holds, as ASP.NET writes it under `d`; anything else as it is."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What an object says beside a field: its sentences (None without one), and a `success` that is true."""

    message: Meaning | None
    success: bool

    @classmethod
    def of(cls, reply: Mapping[str, Any]) -> "_Beside":
        meanings = [sentence(text) for _, text in _texts(reply)]
        decided = (one for one in (Meaning.FAILED, Meaning.DONE) if one in meanings)
        flags = (value for name, value in reply.items() if role(plain_name(name)) is FieldRole.SUCCESS)
        return cls(
            message=next(decided, Meaning.UNCLEAR if meanings else None),
            success=any(spelled(value) == "true" for value in flags),
        )


def _texts(reply: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, text in reply.items():
        if isinstance(text, str) and text.strip() and role(plain := plain_name(name)) in _TEXTS:
            yield plain, text


def _by_texts(reply: Mapping[str, Any], beside: _Beside) -> list[FieldVerdict]:
    """Judge by the texts: of an error, of SAP's kind, or of an answer that is no record and has no state of its own.

    In a record, and beside a state, a text may tell of a device's fault: there it counts in plain words alone.
    """
    for name, value in reply.items():
        plain = plain_name(name)
        if role(plain) is FieldRole.ERROR_TEXT and isinstance(value, str) and spelled(value) not in _NO_ERROR:
            return [
                FieldVerdict(meaning=Meaning.DONE if sentence(value) is Meaning.DONE else Meaning.FAILED, field=plain)
            ]
        if plain in _SAP_TYPES and beside.message is not None and spelled(value) in ("e", "a"):
            return [FieldVerdict(meaning=Meaning.FAILED, field=plain)]
    if beside.message is not Meaning.FAILED:
        return []
    states = [spelled(value) or "" for name, value in reply.items() if plain_name(name) in ("status", "state")]
    has_state = any(text and not _NUMBER.fullmatch(text) and word(text) is Meaning.UNCLEAR for text in states)
    own = is_record(reply)
    failing = (
        name
        for name, text in _texts(reply)
        if sentence(text) is Meaning.FAILED
        and (not (own or has_state) or plainly_failed(text))
        and (not own or name.endswith("msg") or is_about_call(reply, with_ids=True))
    )
    return [FieldVerdict(meaning=Meaning.FAILED, field=name) for name in failing][:1]


def _field(name: str, value: object, beside: _Beside, within: int) -> Iterator[FieldVerdict]:
    kind = role(name)
    if isinstance(value, Mapping) and kind is FieldRole.HEAD:
        yield from _usual(value, within - 1) if within else ()
    elif isinstance(value, Mapping) and name == "result":  # a record, or Kingdee's Result.ResponseStatus
        status = {key: one for key, one in value.items() if plain_name(key) == "responsestatus"}
        yield from _usual(status, within - 1) if status and within else ()
    elif kind is FieldRole.ERROR:
        yield FieldVerdict(meaning=_error(value), field=name)
    elif (text := spelled(_only(value))) is not None:
        meaning = _meaning(kind, text, beside)
        is_code = kind is FieldRole.CODE or (kind is FieldRole.WORD and _is_code(text, beside))
        code = str(_only(value)).strip() if is_code and meaning is Meaning.FAILED else ""
        if meaning is not None:
            yield FieldVerdict(meaning=meaning, field=name, code=code)


def _only(value: object) -> object:
    """Give the only item of a list, as Taobao's `ret` is one; anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _meaning(kind: FieldRole, text: str, beside: _Beside) -> Meaning | None:
    """Judge a scalar by its field's role; None where the role says nothing by itself."""
    match kind:
        case FieldRole.CODE:
            return _code(text, beside)
        case FieldRole.SUCCESS:
            if _NUMBER.fullmatch(text):
                return Meaning.DONE if float(text) > 0 else Meaning.FAILED
            return _FLAG_LETTERS.get(text) or word(text)
        case FieldRole.FLAG:
            return _FLAG_LETTERS.get(text) or word(text)
        case FieldRole.WORD:
            return _word_or_number(text, beside)
        case FieldRole.STATE:
            if beside.message is None and text not in ("true", "false"):
                return Meaning.UNCLEAR
            return compound(text) if word(text) is Meaning.UNCLEAR else word(text)
        case FieldRole.ERROR | FieldRole.ERROR_TEXT | FieldRole.MESSAGE | FieldRole.HEAD | FieldRole.OTHER:
            return None
        case _ as unknown:
            assert_never(unknown)


def _code(text: str, beside: _Beside) -> Meaning:
    """Judge a code; what says by words or a flag that it succeeded has a number of its own for it, such as 1."""
    if not text:
        return Meaning.UNCLEAR
    if text in GOOD or _GOOD_CODE.fullmatch(text) or compound(text) is Meaning.DONE:
        return Meaning.DONE
    number = float(text) if _NUMBER.fullmatch(text) else 0
    own = number > 0 and (beside.message is Meaning.DONE or (beside.success and number < _OWN_CODE_MAX))
    return Meaning.DONE if own else Meaning.FAILED


def _word_or_number(text: str, beside: _Beside) -> Meaning:
    """Judge a word or number that may as well be a record's own; 0 and 1 mean one thing here and its opposite there."""
    if not _NUMBER.fullmatch(text):
        plain = _STATUS_LETTERS.get(text) or word(text)
        return compound(text) if plain is Meaning.UNCLEAR and beside.message is not None else plain
    number = float(text)
    if number < 0 or 400 <= number < 600 or _is_code(text, beside):
        return Meaning.FAILED
    return Meaning.DONE if 200 <= number < 300 else Meaning.UNCLEAR


def _is_code(text: str, beside: _Beside) -> bool:
    """Say whether a `status` is a vendor's code of a failure."""
    is_number = bool(_NUMBER.fullmatch(text)) and float(text) >= _CODE_MIN
    return is_number and beside.message is not None and _code(text, beside) is Meaning.FAILED


def _error(value: object) -> Meaning:
    if isinstance(value, Mapping | list | tuple):
        return Meaning.FAILED if value else Meaning.UNCLEAR
    return Meaning.UNCLEAR if spelled(value) in _NO_ERROR else Meaning.FAILED


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
        value = next((inner for key, inner in value.items() if plain_name(key) == name), None)
    return value
