"""What SAP S/4's OData v2 answers mean: documents, errors, and the messages that a success can hide. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import orjson

from adapters.answers.text import decoded
from adapters.sap.words import (
    DELIVERY_CODES,
    LOCKED_CODES,
    OUTDATED_CODES,
    SHORT_CODES,
    plain_code,
    says_later,
    says_locked,
    says_not_allowed,
    says_short,
)

_ERROR_SEVERITIES: Final = frozenset({"error", "e", "abort", "a"})
# Of the service and of Gateway: they stand around the code of what went wrong.
_AROUND: Final = re.compile(r"MM_IM_ODATA_API_MDOC/.*|/IW[BF](?:EP|ND)/.*|[0-9A-F]{32}|[0-9]{3}")
_XML_CODE: Final = re.compile(r"<code>([^<]{1,60})</code>")
_XML_MESSAGE: Final = re.compile(r"<message(?:\s[^>]*)?>([^<]{1,1000})</message>")
_YEAR: Final = re.compile(r"[0-9]{4}")


class SapMeaning(Enum):
    """What the messages of a refusal say about it."""

    REFUSED = auto()
    LOCKED = auto()  # somebody has it open
    LATER = auto()  # it cannot now
    SHORT = auto()  # the store has not enough
    NOT_ALLOWED = auto()  # our user lacks a permission
    OUTDATED = auto()  # a RequestID of before, whose result is kept no more


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialDocument:
    """A document in their books, as an answer names it; `reference` is None where it does not say."""

    number: str
    year: str
    reference: str | None = None
    text: str = ""

    @property
    def name(self) -> str:
        """Name it as people look for it: the numbers begin anew each year."""
        return f"{self.number}/{self.year}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SapMessage:
    """One message: its code, its words, and whether it is an error."""

    code: str
    text: str
    error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SapMessages:
    """The messages of one answer, the outer one first."""

    messages: Sequence[SapMessage]

    @property
    def failed(self) -> bool:
        """Say whether one of them is an error."""
        return any(one.error for one in self.messages)

    @property
    def delivery_made(self) -> bool:
        """Say whether SAP made a delivery in place of a material document, as for stores with warehouse management."""
        return any(one.code in DELIVERY_CODES for one in self.messages)

    @property
    def code(self) -> str:
        """Give the code of what went wrong."""
        codes = [one.code for one in self._telling() if one.code]
        return codes[0] if codes else next((one.code for one in self.messages if one.code), "")

    @property
    def words(self) -> str:
        """Give all words, each once, with their codes."""
        texts = (f"{one.code}: {one.text}" if one.code else one.text for one in self.messages if one.text)
        return "; ".join(dict.fromkeys(texts))

    @property
    def meaning(self) -> SapMeaning:
        """Class the errors. Short of stock is only what is nothing else besides."""
        errors = [one for one in self.messages if one.error]
        if any(one.code in OUTDATED_CODES for one in errors):
            return SapMeaning.OUTDATED
        if any(one.code in LOCKED_CODES or says_locked(one.text) for one in errors):
            return SapMeaning.LOCKED
        if any(says_later(one.text) for one in errors):
            return SapMeaning.LATER
        if any(says_not_allowed(one.text) for one in errors):
            return SapMeaning.NOT_ALLOWED
        telling = self._telling()
        short = bool(telling) and all(one.code in SHORT_CODES or says_short(one.text) for one in telling)
        return SapMeaning.SHORT if short else SapMeaning.REFUSED

    def _telling(self) -> list[SapMessage]:
        """Leave out what only says that something went wrong, where another message says what."""
        errors = [one for one in self.messages if one.error]
        return [one for one in errors if one.code and not _AROUND.fullmatch(one.code)] or errors


def read_posted(body: bytes) -> MaterialDocument | None:
    """Read the answer to a goods issue; None when it is none to be believed. Number or year may be empty."""
    match _json(body):
        case {"d": {"results": {} as entity}} | {"d": {"results": [{} as entity]}} | {"d": {} as entity}:
            return _document(entity)
        case _:
            return None


def read_documents(body: bytes) -> tuple[MaterialDocument, ...] | None:
    """Read the answer to a look-up; None when it is none to be believed, or a row names no document."""
    match _json(body):
        case {"d": {"results": [*rows]}} | {"d": [*rows]}:
            documents = [_document(row) if isinstance(row, Mapping) else None for row in rows]
        case _:
            return None
    whole = tuple(one for one in documents if one is not None and one.number and one.year)
    return whole if len(whole) == len(documents) else None


def first_of(documents: Iterable[MaterialDocument]) -> MaterialDocument | None:
    """Choose the document that counts where several have one reference: the first that was posted."""
    return min(documents, key=lambda one: (one.year, one.number), default=None)


def read_error(body: bytes) -> SapMessages | None:
    """Read the error of an answer, as JSON or XML; None when it is none of SAP's."""
    match _json(body):
        case {"error": {} as error}:
            return _messages(_of_error(error))
        case str(text) if "<error" in text[:400]:
            codes, texts = _XML_CODE.findall(text), _XML_MESSAGE.findall(text)
            pairs = zip([*codes, *[""] * len(texts)], texts, strict=False)
            return _messages(SapMessage(code=plain_code(code), text=words.strip()) for code, words in pairs)
        case _:
            return None


def read_header(header: str) -> SapMessages | None:
    """Read the header `sap-message`; None when there is none, or it is not JSON."""
    try:
        content = orjson.loads(header.encode())
    except orjson.JSONDecodeError:
        return None
    return _messages(_of_header(content))


def _json(body: bytes) -> object:
    """Parse an answer; what is no JSON is given as its text."""
    text = decoded(body).lstrip("\ufeff").strip()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _document(entity: Mapping[str, Any]) -> MaterialDocument | None:
    if "MaterialDocument" not in entity:
        return None
    year, own = _text(entity.get("MaterialDocumentYear")), entity.get("ReferenceDocument")
    return MaterialDocument(
        number=_text(entity["MaterialDocument"]),
        year=year if _YEAR.fullmatch(year) and year != "0000" else "",
        reference=_text(own) if own else None,
        text=_text(entity.get("MaterialDocumentHeaderText")),
    )


def _of_error(error: Mapping[str, Any]) -> Iterator[SapMessage]:
    words = error.get("message")
    text = words.get("value") if isinstance(words, Mapping) else words
    yield SapMessage(code=plain_code(_text(error.get("code"))), text=_text(text))
    inner = error.get("innererror")
    details = inner.get("errordetails") if isinstance(inner, Mapping) else None
    if isinstance(details, Mapping):
        details = details.get("errordetail")
    for one in details if isinstance(details, list) else ():
        if isinstance(one, Mapping):
            yield _message(one, severity="error")


def _of_header(content: object) -> Iterator[SapMessage]:
    for outer in content if isinstance(content, list) else (content,):
        if not isinstance(outer, Mapping):
            continue
        yield _message(outer, severity="")
        details = outer.get("details")
        for one in details if isinstance(details, list) else ():
            if isinstance(one, Mapping):
                yield _message(one, severity="")


def _message(one: Mapping[str, Any], *, severity: str) -> SapMessage:
    given = _text(one.get("severity")).casefold() or severity
    return SapMessage(
        code=plain_code(_text(one.get("code"))), text=_text(one.get("message")), error=given in _ERROR_SEVERITIES
    )


def _messages(messages: Iterable[SapMessage]) -> SapMessages | None:
    known = tuple(dict.fromkeys(one for one in messages if one.code or one.text))
    return SapMessages(messages=known) if known else None


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
