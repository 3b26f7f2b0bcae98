"""Reading a JSON body: objects only, not too deep, no key twice, no text that no store can hold."""

import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson

from bus.domain.errors import MalformedInput

DEPTH_MAX = 32
NAME_CHARS_SHOWN = 80
WHOLE = "body"
"""What a refusal of the body as such names, where no path begins with a word for it."""

# A string; its end may be missing: one pass over the bytes, in whole runs, whatever they are.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Chinese in GBK: the 3,755 commonest characters and punctuation. It is not sure where it could be Big5 (the 5,401
# commonest) or EUC-KR (Hangul) as well.
_GBK = re.compile(rb"(?:[\x00-\x7f]|[\xa1\xa3\xb0-\xd7][\xa1-\xfe])*+")
_OTHERS = re.compile(
    rb"(?:[\x00-\x7f]|[\xa1-\xc6][\x40-\x7e\xa1-\xfe])*+|(?:[\x00-\x7f]|[\xa1\xa3\xb0-\xc8][\xa1-\xfe])*+"
)
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
# An escape of a surrogate; an escaped backslash before a `u` is none.
_SURROGATE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_EXPONENT = re.compile(r"[eE][+-]?0*[0-9]{1,2}\Z")  # a larger one stays as it is
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def read_object(body: bytes, root: str = "", *, foreign: bool = False, number_texts: bool = True) -> dict[str, Any]:
    """Parse a JSON object; an empty body is an empty object. Pure. Raises MalformedInput that names the field.

    Fields are named by their path, which begins with `root`; the body as such by `root`, or WHOLE without one. Of a
    `foreign` system's body a NUL and a lone surrogate are let through, the caller refuses them in the fields that it
    reads, and each number is the text that is meant, as `with_texts` gives it; without `number_texts` it stays one.
    """
    whole = root or WHOLE
    body = body.removeprefix(BOM_UTF8)  # RFC 8259, 8.1
    if not body.strip():
        return {}
    if _too_deep(body):
        zh, en = f"JSON 嵌套超过 {DEPTH_MAX} 层", f"the JSON is nested deeper than {DEPTH_MAX}"
        raise MalformedInput("too_deep", whole, zh, en)
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        parsed = _with_surrogates(body) if foreign else None
        if parsed is None:
            _name_surrogate(body, root)
            _refuse_other_encoding(body, whole)
            where = f"{error.lineno}:{error.colno}"
            raise MalformedInput(
                "not_json", whole, f"不是合法 JSON(位置 {where})", f"not JSON, at {where}: {error.msg}"
            ) from None
        _refuse_equal_keys(body, root)
        return parsed
    if not isinstance(parsed, dict):
        raise MalformedInput("not_an_object", whole, "请求体须为 JSON 对象", "the body must be a JSON object")
    if _may_have_equal_keys(body, parsed):
        _refuse_equal_keys(body, root)
    if foreign:
        texts: dict[str, Any] = with_texts(body) if number_texts else json.loads(body.decode())
        return texts
    if may_hold_unstorable(body):
        refuse_unstorable(parsed, root)
    return parsed


def with_texts(body: bytes) -> Any:
    """Parse JSON that a strict parser has taken, each number as a text with all of its digits.

    A number is spelled as it was sent (1.10), but a whole one without a fraction (7.0 as 7), as its key is, and one
    with an exponent is written out (1.38e10 as 13800000000). Pure.
    """
    return json.loads(body.decode(), parse_int=str, parse_float=_written_out)


def may_hold_unstorable(body: bytes) -> bool:
    """Say whether a JSON text may hold a NUL or a lone surrogate; they come as escapes, raw ones are no JSON. Pure."""
    return _UNSTORABLE.search(body) is not None


def refuse_unstorable(value: object, path: str) -> None:
    """Refuse NUL and lone surrogates, naming the field: they pass JSON and Avro, but no database. Pure."""
    match value:
        case str():
            _check_text(value, path)
        case dict():
            for key, inner in value.items():
                _check_text(key, joined(path, repr(key[:NAME_CHARS_SHOWN])))
                refuse_unstorable(inner, joined(path, key))
        case list() | tuple():
            for index, inner in enumerate(value):
                refuse_unstorable(inner, f"{path}[{index}]")
        case _:
            return  # numbers, booleans and null hold no text


def joined(path: str, key: str) -> str:
    """Give the path of a member; an empty name is quoted, a long one cut. Pure."""
    shown = key[:NAME_CHARS_SHOWN] or "''"
    return f"{path}.{shown}" if path else shown


def _written_out(number: str) -> str:
    if _EXPONENT.search(number):
        number = f"{Decimal(number):f}"
    whole, _, fraction = number.partition(".")
    return number if fraction.strip("0") else whole


class _Twice:
    """Stands in a parsed value for an object that has a key twice."""

    def __init__(self, key: str) -> None:
        self.key = key


def _may_have_equal_keys(body: bytes, parsed: dict[str, Any]) -> bool:
    """Say whether a key may be there twice: what is dropped of it has a colon at least.

    A colon that is spelled as an escape would make up for it, so that such a body is looked at in any case.
    """
    return body.count(b":") != orjson.dumps(parsed).count(b":") or b"\\u003" in body


def _refuse_equal_keys(body: bytes, root: str) -> None:
    """Refuse a key that an object has twice, naming it: which of its values counts, every reader decides otherwise."""
    found = False

    def members(pairs: list[tuple[str, Any]]) -> Any:
        nonlocal found
        unlike = dict(pairs)
        if len(unlike) == len(pairs):
            return unlike
        found = True
        return _Twice(next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1))

    parsed = json.loads(body.decode(), object_pairs_hook=members, parse_int=str, parse_float=str)
    if found:
        path = next(_twice(parsed, root))
        zh, en = f"“{path}”出现多次", f"{path} is there more than once"
        raise MalformedInput("repeated_key", path, zh, en)


def _twice(value: object, path: str) -> Iterator[str]:
    """Give the paths of keys that are there twice."""
    match value:
        case _Twice(key=key):
            yield joined(path, key)
        case dict():
            for key, inner in value.items():
                yield from _twice(inner, joined(path, key))
        case list():
            for index, inner in enumerate(value):
                yield from _twice(inner, f"{path}[{index}]")
        case _:
            return


def _with_surrogates(body: bytes) -> dict[str, Any] | None:
    """Parse an object of which the strict parser takes all but lone surrogates; None for anything else."""
    try:
        orjson.loads(_SURROGATE.sub(rb"\1\\ufffd", body))
        parsed = with_texts(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _name_surrogate(body: bytes, root: str) -> None:
    """Name the field of a lone surrogate, which the strict parser refuses without a name.

    Read as UTF-8, as the depth was counted: the library would guess other encodings, and find other brackets in them.
    """
    try:
        parsed = json.loads(body.decode(errors="surrogatepass"))
    except ValueError:
        return
    if isinstance(parsed, dict):
        refuse_unstorable(parsed, root)


def _refuse_other_encoding(body: bytes, whole: str) -> None:
    """Refuse what is no UTF-8 as that, and name the encoding where the bytes leave no doubt."""
    likely = _wide(body)
    try:
        body.decode()
    except UnicodeDecodeError:
        likely = likely or ("GBK" if _GBK.fullmatch(body) and not _OTHERS.fullmatch(body) else "")
    else:
        if not likely:
            return
    zh, en = f",看来是 {likely}" if likely else "", f"; it looks like {likely}" if likely else ""
    raise MalformedInput("not_utf8", whole, f"请求体须为 UTF-8 编码{zh}", f"the body must be in UTF-8{en}")


def _wide(body: bytes) -> str:
    """Name UTF-16 or UTF-32, by the mark of byte order or by the zeros beside the first bracket and what follows it."""
    zeros = [byte == 0 for byte in body[:4]]
    if body.startswith((BOM_UTF32_LE, BOM_UTF32_BE)) or zeros in ([False, True, True, True], [True, True, True, False]):
        return "UTF-32"
    marked = body.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    return "UTF-16" if marked or zeros in ([False, True] * 2, [True, False] * 2) else ""


def _check_text(text: str, path: str) -> None:
    if "\0" in text:
        raise MalformedInput("nul", path, f"“{path}”含有 NUL 字符", f"{path} holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            zh, en = f"“{path}”含有孤立代理项", f"{path} holds a lone surrogate"
            raise MalformedInput("lone_surrogate", path, zh, en) from None


def _too_deep(body: bytes) -> bool:
    """Count brackets outside of strings before anything recurses over them."""
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NO_BRACKETS):
        if bracket in b"{[":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        else:
            depth -= 1
    return False
