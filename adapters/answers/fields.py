"""Which fields of a 2xx answer say that it failed: the usual ones of vendors, or those that a targets file names. Pure.

docs/answers.md has the rules. One field that tells of a failure is enough, and a plain sentence that does is one,
whatever code or flag stands beside it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from adapters.answers.names import FieldRole, call_name, is_about_call, is_call_flag, is_record, plain_name, role
from adapters.answers.values import (
    ITEMS_MAX,
    NO_ERROR,
    NUMBER,
    TEXTS,
    Beside,
    each,
    error_meaning,
    field_meaning,
    is_code,
    is_error_code,
    is_failed_status,
    joined_words,
    spelled,
    texts,
    words_within,
)
from adapters.answers.words import Meaning, plainly_failed, sentence, word


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
    """What an answer says; `field` that said so, and the vendor's `code` where it failed.

    `words`: the value that failed and the texts beside it; not those of a record that the answer holds as well.
    `statuses`: those of HTTP that failed, of the call or of calls in a batch. `retry_after`: as one's headers have it.
    """

    meaning: Meaning
    field: str = ""
    code: str = ""
    words: str = ""
    statuses: frozenset[int] = frozenset()
    retry_after: str = ""


_VERDICTS: Final = frozenset(
    {
        FieldRole.CODE,
        FieldRole.HTTP_STATUS,
        FieldRole.SUCCESS,
        FieldRole.FLAG,
        FieldRole.RESULT,
        FieldRole.WORD,
        FieldRole.STATE,
    }
)
# What an item of a batch ends by.
_OF_ITEMS: Final = frozenset({FieldRole.SUCCESS, FieldRole.RESULT, FieldRole.TYPE, FieldRole.HTTP_STATUS})
# What makes an object inside an answer by itself, without a text beside.
_ALONE: Final = _OF_ITEMS | {FieldRole.ERROR, FieldRole.FAILURES, FieldRole.LEFT_OUT, FieldRole.ERROR_TEXT}
# What holds the status of a call, or of one in a batch, as HTTP has it.
_STATUSES: Final = frozenset({"status", "statuscode"})
_STATUS_LISTS: Final = frozenset({"statuses", "statuscodes"})
_HEADERS: Final = frozenset({"headers", "httpheaders"})
_DATA: Final = ("data", "d")
_FAULT_CODE: Final = re.compile(r"[a-z]{1,2}-?[0-9]{1,3}")

_WITHIN: Final = 3  # so deep an answer may be wrapped


def field_path(text: str) -> tuple[str, ...]:
    """Give the path of a field as it is compared: `Result.IsSuccess` is ("result", "issuccess")."""
    return tuple(plain_name(part) for part in text.split("."))


def read_fields(reply: Mapping[str, Any], rule: AnswerRule) -> FieldVerdict:
    """Judge an answer by its fields."""
    return _chosen(_usual(reply, _WITHIN) if rule.done_when is None else list(_named(reply, rule.done_when)))


def _chosen(verdicts: Sequence[FieldVerdict]) -> FieldVerdict:
    """Choose what counts: a failure, with its code if one has it, before what says done."""
    failed = [one for one in verdicts if one.meaning is Meaning.FAILED]
    if failed:
        chosen = next((one for one in failed if one.code), failed[0])
        return replace(
            chosen,
            words=joined_words(one.words for one in failed),
            statuses=frozenset[int]().union(*(one.statuses for one in failed)),
            retry_after=next((one.retry_after for one in failed if one.retry_after), ""),
        )
    done = (one for one in verdicts if one.meaning is Meaning.DONE)
    return next(done, FieldVerdict(meaning=Meaning.UNCLEAR))


def _usual(reply: Mapping[str, Any], within: int) -> list[FieldVerdict]:
    """Judge an answer by the usual fields: its own, the words beside them, what it wraps that speaks of the call."""
    beside = Beside.of(reply)
    found = [one for name, value in reply.items() for one in _field(call_name(name), value, beside, within)]
    found += _by_texts(reply, beside)
    sentences = [text for _, text in texts(reply)]
    found = [replace(one, words=joined_words([one.words, *sentences])) for one in found]
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
    """Judge the objects inside that are nothing but an answer, and the items of a batch that say how each ended."""
    match value:
        case list():
            items = (one for one in value[:ITEMS_MAX] if isinstance(one, Mapping))
            yield from (_with_wait(one, _chosen(_usual(one, within))) for one in items if _ends(one))
        case Mapping() if not _is_fault(value) and _refuses(value):
            yield _chosen(_usual(value, within))
        case Mapping() if not is_record(value) and not _is_fault(value):
            roles = _roles(value)
            has_text = roles & TEXTS or any(call_name(name) == "description" for name in value)
            if is_about_call(value) and (roles & _ALONE or (has_text and roles & _VERDICTS)):
                yield _chosen(_usual(value, within))
            elif within:
                for one in value.values():
                    yield from _inside(_opened(one), within - 1)
        case _:
            return


def _ends(item: Mapping[str, Any]) -> bool:
    """Say whether an item of a batch says how it ended."""
    statuses = {call_name(name): spelled(one) or "" for name, one in item.items() if call_name(name) in _STATUSES}
    if is_about_call(item, with_ids=True) and (
        _OF_ITEMS & _roles(item) or any(map(is_failed_status, statuses.values()))
    ):
        return True
    return is_error_code(statuses.get("status", "")) or _refuses(item)


def _refuses(value: Mapping[str, Any]) -> bool:
    """Say whether an object of nothing but ids and what speaks of the call says that it was not taken."""
    flags = (spelled(one) or "" for name, one in value.items() if is_call_flag(call_name(name)))
    beside = Beside.of(value)
    refused = any(field_meaning(FieldRole.FLAG, text, beside) is Meaning.FAILED for text in flags)
    return refused and is_about_call(value, with_ids=True)


def _with_wait(item: Mapping[str, Any], verdict: FieldVerdict) -> FieldVerdict:
    """Add the wait that one call of a batch is asked for in its own headers."""
    headers = (one for name, one in item.items() if call_name(name) in _HEADERS and isinstance(one, Mapping))
    waits = (spelled(one) or "" for each in headers for name, one in each.items() if plain_name(name) == "retryafter")
    return replace(verdict, retry_after=next(waits, ""))


def _roles(value: Mapping[str, Any]) -> set[FieldRole]:
    """Give the roles of the fields that hold something."""
    return {role(call_name(name)) for name, one in value.items() if one or spelled(one)}


def _is_fault(value: Mapping[str, Any]) -> bool:
    """Say whether an object's code of an error has the form of a device's (`E5`): beside an answer it is a record."""
    codes = (spelled(one) or "" for name, one in value.items() if call_name(name) in ("errorcode", "faultcode"))
    return any(_FAULT_CODE.fullmatch(code) for code in codes)


def _opened(value: object) -> object:
    """Give what JSON in a string holds, as ASP.NET writes it under `d`; anything else as it is."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _by_texts(reply: Mapping[str, Any], beside: Beside) -> list[FieldVerdict]:
    """Judge by the texts: of an error, or of an answer that is no record and has no state of its own.

    In a record, and beside a state, a text may tell of a device's fault: there it counts in plain words alone.
    """
    for name, text in texts(reply):
        if role(name) is FieldRole.ERROR_TEXT and spelled(text) not in NO_ERROR:
            done = sentence(text) is Meaning.DONE
            return [FieldVerdict(meaning=Meaning.DONE if done else Meaning.FAILED, field=name)]
    if beside.message is not Meaning.FAILED:
        return []
    states = [spelled(value) or "" for name, value in reply.items() if call_name(name) in ("status", "state")]
    has_state = any(text and not NUMBER.fullmatch(text) and word(text) is Meaning.UNCLEAR for text in states)
    failing = (
        name
        for name, text in texts(reply)
        if sentence(text) is Meaning.FAILED
        and (not (beside.record or has_state) or plainly_failed(text))
        and (not beside.record or name.endswith("msg") or is_about_call(reply, with_ids=True))
    )
    return [FieldVerdict(meaning=Meaning.FAILED, field=name) for name in failing][:1]


def _field(name: str, value: object, beside: Beside, within: int) -> Iterator[FieldVerdict]:
    kind = role(name)
    if isinstance(value, Mapping) and (kind is FieldRole.HEAD or (kind is FieldRole.MESSAGE and is_about_call(value))):
        yield from _usual(value, within - 1) if within else ()
    elif isinstance(value, Mapping) and name == "result":  # a record, or Kingdee's Result.ResponseStatus
        status = {key: one for key, one in value.items() if plain_name(key) == "responsestatus"}
        yield from _usual(status, within - 1) if status and within else ()
    elif kind is FieldRole.ERROR or (kind is FieldRole.FAILURES and not beside.record):
        yield FieldVerdict(meaning=error_meaning(value), field=name, words=joined_words(words_within(value)))
    else:
        for one in each(value):
            yield from _scalar(name, one, beside)


def _scalar(name: str, value: object, beside: Beside) -> Iterator[FieldVerdict]:
    kind, text = role(name), spelled(value)
    if text is None:
        return
    meaning = field_meaning(kind, text, beside)
    code = str(value).strip() if is_code(kind, text, beside) and meaning is Meaning.FAILED else ""
    nothing = text == "0" and beside.message is Meaning.FAILED
    if name in _DATA and (nothing or word(text) is Meaning.FAILED):  # what an update gave back
        meaning = Meaning.FAILED
    if meaning is not None:
        is_status = kind is FieldRole.HTTP_STATUS or name in _STATUSES or name in _STATUS_LISTS
        statuses = frozenset({int(float(text))} if is_status and is_failed_status(text) else ())
        yield FieldVerdict(meaning=meaning, field=name, code=code, words=str(value).strip(), statuses=statuses)


def _named(reply: Mapping[str, Any], done_when: Mapping[tuple[str, ...], frozenset[str]]) -> Iterator[FieldVerdict]:
    for path, good in done_when.items():
        beside = [one for one in (reply, *_at(reply, path[:-1])) if isinstance(one, Mapping)]
        sentences = [text for one in beside for _, text in texts(one)]
        for value in _at(reply, path):
            if value is None or (text := spelled(value)) is None:
                continue
            done = text in good
            meaning, code = (Meaning.DONE, "") if done else (Meaning.FAILED, str(value).strip())
            yield FieldVerdict(meaning=meaning, field=".".join(path), code=code, words=joined_words([code, *sentences]))


def _at(value: object, path: Sequence[str]) -> Iterator[object]:
    """Give what stands at a path: of a list on the way, or at its end, each item's."""
    if isinstance(value, list):
        for one in value[:ITEMS_MAX]:
            yield from _at(one, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        name, *rest = path
        yield from _at(next((inner for key, inner in value.items() if plain_name(key) == name), None), rest)
