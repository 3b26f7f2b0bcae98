"""What one value in an answer means by its field's role and what stands beside it: codes, flags, words. Pure.

docs/answers.md has the rules.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from adapters.answers.names import FieldRole, call_name, is_record, role
from adapters.answers.words import FAILED_WORDS, GOOD, LEFT_OUT_WORDS, Meaning, compound, is_repeat, sentence, word
from bus.domain.simplified import simplified

ITEMS_MAX: Final = 1000  # of a list in an answer
_CODE_MIN: Final = 1000  # a `status` from here on is no state of a record, where a message stands beside it
_OWN_CODE_MAX: Final = 400  # from here on a number beside `success: true` reads as one of HTTP's
NO_ERROR: Final = frozenset({"", "0", "false", "no", "none", "null", "nil", "无"}) | GOOD - {"true", "yes"}
# 0 in any length, also behind letters (SYS000, S0000), the 2xx of HTTP, and three that common products use for success:
# an admin template's, Yonyou NCC's and SF Express's.
_GOOD_CODE: Final = re.compile(r"[+-]?0+(\.0+)?|(?![ef])[a-z]{1,5}0{3,}|2[0-9]{2}|20000|1000000000|a1000")
_FLAG_LETTERS: Final = {"y": Meaning.DONE, "t": Meaning.DONE, "n": Meaning.FAILED, "f": Meaning.FAILED}
_STATUS_LETTERS: Final = {"s": Meaning.DONE, "e": Meaning.FAILED}  # SAP's
_CALL_LETTERS: Final = _STATUS_LETTERS | {"y": Meaning.DONE, "n": Meaning.FAILED, "u": Meaning.FAILED}  # U: Oracle's
_ERROR_CODE: Final = re.compile(r"e[0-9]{5,8}")
# What a vendor may have for success, where a sentence says that it is: 1, A0001, AAAAAAA; never a name or a word.
_OWN_CODE: Final = re.compile(r"\+?[0-9]*[1-9][0-9]*|(?![ef])[a-z][0-9]+|([a-z])\1{2,}")
_TRUE: Final = frozenset({"true", "yes", "y"})
TEXTS: Final = frozenset({FieldRole.MESSAGE, FieldRole.ERROR_TEXT})
NUMBER: Final = re.compile(r"[+-]?[0-9]+")


def spelled(value: object) -> str | None:
    """Give a scalar as text in lower case and simplified characters, `1` of 1.0; None for what is no scalar."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case int() | float() | str():
            return simplified(str(value).strip().casefold())
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What an object says beside a field: its sentences (None without one), a `success` that is true, its own key.

    `repeat`: a sentence says that the same had come before.
    """

    message: Meaning | None
    success: bool
    record: bool
    repeat: bool

    @property
    def own_or_repeat(self) -> bool:
        """Say whether what was passed over may be a record's own, or had come before."""
        return self.record or self.repeat

    @classmethod
    def of(cls, reply: Mapping[str, Any]) -> "Beside":
        meanings = [sentence(text) for _, text in texts(reply)]
        decided = (one for one in (Meaning.FAILED, Meaning.DONE) if one in meanings)
        flags = (value for name, value in reply.items() if role(call_name(name)) is FieldRole.SUCCESS)
        return cls(
            message=next(decided, Meaning.UNCLEAR if meanings else None),
            success=any(spelled(value) == "true" for value in flags),
            record=is_record(reply),
            repeat=any(is_repeat(text) for _, text in texts(reply)),
        )


def texts(reply: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the sentences of an object with their names as judged."""
    for name, text in reply.items():
        if role(plain := call_name(name)) in TEXTS:
            yield from ((plain, one) for one in each(text) if isinstance(one, str) and one.strip())


def words_within(value: object, within: int = 4) -> Iterator[str]:
    """Give all texts of an error, so deep; of a list of failures too, but of its records those about the call."""
    match value:
        case str() if value.strip():
            yield value.strip()
        case Mapping() if within and is_record(value):
            yield from (text for _, text in texts(value))
        case Mapping() if within:
            for inner in value.values():
                yield from words_within(inner, within - 1)
        case list() if within:
            for inner in value[:ITEMS_MAX]:
                yield from words_within(inner, within - 1)
        case _:
            return


def joined_words(words: Iterable[str]) -> str:
    """Join texts, each once."""
    return "; ".join(dict.fromkeys(filter(None, words)))


def each(value: object) -> Sequence[object]:
    """Give the items of a list, as Taobao's `ret` is one, and XML repeats elements; anything else alone."""
    return value[:ITEMS_MAX] if isinstance(value, list) else (value,)


def field_meaning(kind: FieldRole, text: str, beside: Beside) -> Meaning | None:
    """Judge a scalar by its field's role; None where the role says nothing by itself."""
    match kind:
        case FieldRole.CODE | FieldRole.HTTP_STATUS:
            return _code(text, beside)
        case FieldRole.SUCCESS:
            if NUMBER.fullmatch(text):
                return Meaning.DONE if float(text) > 0 else Meaning.FAILED
            return _FLAG_LETTERS.get(text) or word(text)
        case FieldRole.FLAG:
            return _FLAG_LETTERS.get(text) or word(text)
        case FieldRole.VALIDITY:
            own = beside.record or beside.message is Meaning.DONE or word(text) is Meaning.UNCLEAR
            return None if own else word(text)
        case FieldRole.RESULT:
            return _word_or_number(text, beside, _STATUS_LETTERS if beside.record else _CALL_LETTERS)
        case FieldRole.WORD:
            own = beside.message is None or beside.record
            return _word_or_number(text, beside, _STATUS_LETTERS if own else _CALL_LETTERS)
        case FieldRole.LEFT_OUT:
            count = float(text) if NUMBER.fullmatch(text) else 0
            return Meaning.FAILED if (count > 0 or text in _TRUE) and not beside.own_or_repeat else None
        case FieldRole.TYPE:
            return Meaning.FAILED if text in ("e", "a") and beside.message is not None else None
        case FieldRole.STATE:
            if beside.message is None and text not in ("true", "false"):
                return Meaning.FAILED if text in FAILED_WORDS and not beside.record else Meaning.UNCLEAR
            return compound(text) if word(text) is Meaning.UNCLEAR else word(text)
        case (
            FieldRole.ERROR
            | FieldRole.FAILURES
            | FieldRole.ERROR_TEXT
            | FieldRole.MESSAGE
            | FieldRole.HEAD
            | FieldRole.OTHER
        ):
            return None
        case _ as unknown:
            assert_never(unknown)


def _code(text: str, beside: Beside) -> Meaning:
    """Judge a code; what says by words or a flag that it succeeded has a number of its own for it, such as 1."""
    if not text:
        return Meaning.UNCLEAR
    if text in GOOD or text == "s" or _GOOD_CODE.fullmatch(text) or compound(text) is Meaning.DONE:
        return Meaning.DONE
    own = beside.message is Meaning.DONE and _OWN_CODE.fullmatch(text)
    of_http = beside.success and NUMBER.fullmatch(text) and 0 < float(text) < _OWN_CODE_MAX
    return Meaning.DONE if own or of_http else Meaning.FAILED


def _word_or_number(text: str, beside: Beside, letters: Mapping[str, Meaning]) -> Meaning:
    """Judge a word or number that may as well be a record's own; 0 and 1 mean one thing here and its opposite there."""
    if is_error_code(text) or (text in LEFT_OUT_WORDS and not beside.own_or_repeat):
        return Meaning.FAILED
    if not NUMBER.fullmatch(text):
        plain = letters.get(text) or word(text)
        return compound(text) if plain is Meaning.UNCLEAR and beside.message is not None else plain
    number = float(text)
    if number < 0 or is_failed_status(text) or _failed_code(text, beside):
        return Meaning.FAILED
    return Meaning.DONE if 200 <= number < 300 else Meaning.UNCLEAR


def is_code(kind: FieldRole, text: str, beside: Beside) -> bool:
    """Say whether a value is a vendor's code, as a `status` of a large number beside a message may be."""
    if kind in (FieldRole.RESULT, FieldRole.WORD):
        return is_error_code(text) or _failed_code(text, beside)
    return kind in (FieldRole.CODE, FieldRole.HTTP_STATUS)


def is_error_code(text: str) -> bool:
    """Say whether a text, in lower case, is a code of an error that no word and no device has: Huawei's `E200027`."""
    return _ERROR_CODE.fullmatch(text) is not None


def is_failed_status(text: str) -> bool:
    """Say whether a text is a status of HTTP that tells of a failure."""
    return bool(NUMBER.fullmatch(text)) and 400 <= float(text) < 600


def _failed_code(text: str, beside: Beside) -> bool:
    is_number = bool(NUMBER.fullmatch(text)) and float(text) >= _CODE_MIN
    return is_number and beside.message is not None and _code(text, beside) is Meaning.FAILED


def error_meaning(value: object) -> Meaning:
    """Judge what is there only where something failed: an object, a list, a text, a count."""
    if isinstance(value, Mapping | list | tuple):
        return Meaning.FAILED if value else Meaning.UNCLEAR
    return Meaning.UNCLEAR if spelled(value) in NO_ERROR else Meaning.FAILED
