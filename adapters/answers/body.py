"""The body of a 2xx answer to a callback, read whole or as far as it came: JSON, XML, SOAP or a word. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

import orjson

from adapters.answers.fields import AnswerRule, FieldVerdict, read_fields
from adapters.answers.text import charset, decoded
from adapters.answers.values import ITEMS_MAX, joined_words, words_within
from adapters.answers.words import Meaning, whole_text
from adapters.outbound_http import HttpResponse

_BLANK: Final = " \t\r\n\ufeff"
_BEGINNING: Final = re.compile(r'\{\s*["}]|\[\s*[\[\]{"0-9tfn-]')
_FORM: Final = re.compile(r"[\w.-]+=[^\s&=]*(?:&[\w.-]+=[^\s&]*)*", re.ASCII)  # errcode=40001&errmsg=…
_JSONP: Final = re.compile(r"(?:/\*\*/)?\s*[A-Za-z_$][\w$.]*\s*\(\s*([\[{].*[\]}])\s*\)\s*;?", re.DOTALL)
_AFTER_VALUE: Final = re.compile(r"[ \t\r\n]*([,\]}:])[ \t\r\n]*")
_UNREADABLE: Final = FieldVerdict(meaning=Meaning.UNREADABLE)
_UNCLEAR: Final = FieldVerdict(meaning=Meaning.UNCLEAR)


def read_body(answer: HttpResponse, rule: AnswerRule) -> FieldVerdict:
    """Judge an answer's body. One longer than the limit is judged by its beginning, where that is JSON or XML.

    Where a targets file names the fields, these alone say done: a bare `OK` may be a proxy's.
    """
    verdict = _read(answer, rule)
    by_word = verdict.meaning is Meaning.DONE and not verdict.field
    return _UNCLEAR if by_word and rule.done_when is not None else verdict


def _read(answer: HttpResponse, rule: AnswerRule) -> FieldVerdict:
    declared = charset(answer.headers.get("content-type", ""), answer.body)
    text = decoded(answer.body, declared, whole=not answer.longer).strip(_BLANK)
    if not text:
        return _UNREADABLE if answer.longer else _UNCLEAR
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if text.startswith("<"):
        is_page = media == "text/html" and not text.startswith("<?xml")
        return _UNREADABLE if is_page else _document(text, rule, whole=not answer.longer)
    if answer.longer:
        begun = _begun(text)
        return _UNREADABLE if begun is None else _value(begun, rule, within=0)
    return _plain(text, rule, is_json=media.endswith("json"))


def _plain(text: str, rule: AnswerRule, *, is_json: bool = False, within: int = 2) -> FieldVerdict:
    if called := _JSONP.fullmatch(text):
        text = called[1]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        if _FORM.fullmatch(text):
            return read_fields(dict(parse_qsl(text, keep_blank_values=True)), rule)
        meaning = whole_text(text)
        broken = text.startswith("{") or (is_json and meaning is Meaning.UNCLEAR)
        return _UNREADABLE if broken else FieldVerdict(meaning=meaning, words=text)
    return _value(value, rule, within=within)


def _value(value: object, rule: AnswerRule, *, within: int) -> FieldVerdict:
    match value:
        case Mapping():
            return read_fields(value, rule)
        case [list() as only]:  # as Kingdee K3Cloud wraps a lost session
            return _value(only, rule, within=0)
        case list():
            verdicts = [_value(one, rule, within=0) for one in value[:ITEMS_MAX] if isinstance(one, Mapping)]
            for meaning in (Meaning.FAILED, Meaning.DONE):
                if found := [one for one in verdicts if one.meaning is meaning]:
                    return found[0]
            return _UNCLEAR
        case bool():
            return FieldVerdict(meaning=Meaning.DONE if value else Meaning.FAILED)
        case int() | float() if value <= 0 and rule.done_when is None:
            return FieldVerdict(meaning=Meaning.FAILED)  # 0, as PHP writes false, and an old service's -1
        case str() if within:  # JSON in a JSON string, or a word
            return _plain(value.strip(), rule, within=within - 1)
        case _:
            return _UNCLEAR


def _document(text: str, rule: AnswerRule, *, whole: bool) -> FieldVerdict:
    read = _xml(text, whole=whole)
    if read is None:
        return _UNREADABLE
    root, content = read
    if root.casefold() == "envelope":
        body = content.get("Body")
        if not isinstance(body, Mapping):
            return _UNCLEAR
        if "Fault" in body:
            fault = body["Fault"]
            words = joined_words(words_within(fault))
            return FieldVerdict(meaning=Meaning.FAILED, field="soap fault", code=_fault_code(fault), words=words)
        first = next((one for one in body.values() if isinstance(one, dict | list)), {})
        content = first if isinstance(first, dict) else {root: first}
    verdict = read_fields(content, rule)
    if verdict.meaning is not Meaning.UNCLEAR:
        return verdict
    only = next(iter(content.values())) if len(content) == 1 else None
    if isinstance(only, str) and not only.isdecimal():  # as <string>{"code":1}</string>; of 0 each service has its own
        verdict = _plain(only, rule)
    return verdict if rule.done_when or verdict.meaning is not Meaning.UNCLEAR else read_fields({root: content}, rule)


def _fault_code(fault: object) -> str:
    """Give the code of a SOAP Fault, without the prefix of its name: 1.1 has `faultcode`, 1.2 `Code/Value`."""
    match fault:
        case {"faultcode": str(code)} | {"Code": {"Value": str(code)}}:
            return code.rpartition(":")[2]
        case _:
            return ""


def _xml(text: str, *, whole: bool) -> tuple[str, dict[str, Any]] | None:
    """Give the root's name and its content, attributes and elements alike, by local names; None for a page.

    Elements of one name are a list. Entities of its own, which can grow without bound, make it unreadable.
    """
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    open_elements, root, content = list[dict[str, Any]](), "", dict[str, Any]()
    if "<!ENTITY" in text:
        return None
    try:
        parser.feed(text)
        if whole:
            parser.close()
        steps = list(parser.read_events())
    except ParseError:
        return None
    for step in steps:
        match step:
            case ("start", Element(tag=tag, attrib=attributes)):
                name = _local(tag)
                fields: dict[str, Any] = {_local(key): value for key, value in attributes.items()}
                if open_elements:
                    _add(open_elements[-1], name, fields)
                else:
                    root, content = name, fields
                open_elements.append(fields)
            case ("end", Element(tag=tag, text=text_in)):
                fields = open_elements.pop()
                leaf = {_local(tag): (text_in or "").strip()}
                if not fields and not open_elements:
                    content = leaf
                elif not fields:
                    _set_last(open_elements[-1], _local(tag), leaf[_local(tag)])
            case _:
                pass  # nothing else is asked for
    return None if not root or root.casefold() == "html" else (root, content)


def _add(parent: dict[str, Any], name: str, value: object) -> None:
    """Add a child; of one name there may be many, which then are a list."""
    before = parent.get(name)
    if name not in parent:
        parent[name] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        parent[name] = [before, value]


def _set_last(parent: dict[str, Any], name: str, value: str) -> None:
    """Give the last child of a name its text."""
    if isinstance(before := parent[name], list):
        before[-1] = value
    else:
        parent[name] = value


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _begun(text: str) -> object:
    """Give what stands whole at the beginning of JSON that is cut off: an object's fields, a list's items; or None."""
    if not _BEGINNING.match(text):
        return None
    fields, items = dict[str, Any](), list[Any]()
    position = len(text) - len(text[1:].lstrip())
    decoder, name = json.JSONDecoder(), None
    try:
        while True:
            value, position = decoder.raw_decode(text, position)
            after = _AFTER_VALUE.match(text, position)
            if after is None:
                break
            position = after.end()
            if after[1] == ":":
                name = value
            elif text[0] == "{":
                fields[str(name)] = value
            else:
                items.append(value)
    except (ValueError, RecursionError):
        pass  # here it was cut
    return fields if text[0] == "{" else items
