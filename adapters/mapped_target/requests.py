"""Events into requests, and answers into effects, by one map. Pure; only DeliveryFailed leaves it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from adapters.answers.judge import of_question
from adapters.expressions import Expression
from adapters.mapped_target.judged_answers import judge_confirmed, judge_sent, with_answer
from adapters.mapped_target.options import (
    CommandOfAnswer,
    FailureRule,
    MappedTargetOptions,
    RequestMap,
    SentRequest,
)
from adapters.mapping.commands import CommandReader
from adapters.mapping.event_rules import may_take, takes
from adapters.mapping.readers import Readers
from adapters.mapping.sent_values import ABSENT, SentValue
from adapters.outbound_http import HttpResponse
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from bus.delivery.vendor_words import one_line
from bus.domain.commands import Command
from bus.domain.errors import MalformedInput
from bus.domain.text import Text

REFERENCE_CHARS_MAX: Final = 200
HEADER_CHARS_MAX: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRequest:
    """One request, ready to be signed and sent; it may hold personal data."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class MappedRequests:
    """The requests of one map."""

    def __init__(self, options: MappedTargetOptions) -> None:
        """Make the readers of commands, once."""
        self._tables = options.words
        readers = Readers(words=options.words, time=options.time, missing=options.missing)
        self._requests = [
            MappedRequest(f"requests.{number}", one, options, readers) for number, one in enumerate(options.requests)
        ]

    @property
    def asks_first(self) -> bool:
        """Say whether there is a request that must not be repeated before its `confirm` was asked."""
        return any(one.confirm for one in self._requests)

    def may_take(self, event: str) -> bool:
        """Say whether any request takes events of a name."""
        return may_take(self._requests, event)

    def find(self, document: dict[str, Any]) -> "MappedRequest | None":
        """Give the request that an event becomes, None for none. Raises DeliveryFailed."""
        for one in self._requests:
            with _translating(f"{one.place}.when"):
                if takes(one, document):
                    return one
        return None


class MappedRequest:
    """One request of a map."""

    def __init__(self, place: str, mapped: RequestMap, options: MappedTargetOptions, readers: Readers) -> None:
        """Bind what all requests share; the map's own `failures` are looked at before these."""
        self.place, self.events, self.when, self.confirm = place, mapped.events, mapped.when, mapped.confirm
        self._map, self._tables = mapped, options.words
        self._success = mapped.success or options.success
        own = [(f"{place}.failures.{number}", one) for number, one in enumerate(mapped.failures)]
        shared = [(f"failures.{number}", one) for number, one in enumerate(options.failures)]
        self._failures: Sequence[tuple[str, FailureRule]] = (*own, *shared)
        self._commands = _commands(readers, mapped.commands)
        asked = mapped.confirm.commands if mapped.confirm else None
        self._commands_found = self._commands if asked is None else _commands(readers, asked)

    def prepared(self, document: dict[str, Any]) -> PreparedRequest:
        """Write the request. Raises DeliveryFailed where the map has no form for the event."""
        request = self._written(self._map.method, self._map, document, self.place)
        if name := self._map.idempotency_header:
            return PreparedRequest(
                method=request.method,
                path=request.path,
                headers={**request.headers, name: document["key"]},
                body=request.body,
            )
        return request

    def question(self, document: dict[str, Any]) -> PreparedRequest:
        """Write the question whether it was done. Raises DeliveryFailed where the map has no form for the event."""
        assert self.confirm is not None, "only a request with a `confirm` is asked about"
        return self._written(self.confirm.method, self.confirm, document, f"{self.place}.confirm")

    def effect(self, answer: HttpResponse, document: dict[str, Any], now: datetime) -> Effect:
        """Say what the answer to the request means. Raises DeliveryFailed."""
        whole = with_answer(document, answer)
        judge_sent(answer, whole, success=self._success, failures=self._failures, now=now)
        return _effect(self.place, self._map.reference, self._commands, whole)

    def found(self, answer: HttpResponse, document: dict[str, Any], now: datetime) -> Effect | None:
        """Say what the answer to the question means; None: it was not done. Raises DeliveryFailed."""
        assert self.confirm is not None, "only a request with a `confirm` is asked about"
        whole = with_answer(document, answer)
        if not judge_confirmed(answer, whole, confirm=self.confirm, failures=self._failures, now=now):
            return None
        reference = self.confirm.reference or self._map.reference
        try:
            return _effect(f"{self.place}.confirm", reference, self._commands_found, whole)
        except DeliveryFailed as failure:
            raise of_question(failure) from None

    def _written(self, method: str, mapped: SentRequest, document: dict[str, Any], place: str) -> PreparedRequest:
        headers, body = dict[str, str](), b""
        for name, value in mapped.headers.items():
            with _translating(f"{place}.headers.{name}"):
                headers[name] = self._header(value, document)
        if mapped.body is not None:
            with _translating(f"{place}.json"):
                body = _json(mapped.body.read(document, self._tables))
            headers.setdefault("content-type", "application/json")
        elif mapped.form is not None:
            with _translating(f"{place}.form"):
                body = self._form(mapped.form, document)
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
        with _translating(f"{place}.path"):
            path = mapped.path.read(document)
        return PreparedRequest(
            method=method, path=path, headers={name: one for name, one in headers.items() if one}, body=body
        )

    def _header(self, value: SentValue, document: dict[str, Any]) -> str:
        text = _text(value.read(document, self._tables), value)
        if not (text.isascii() and text.isprintable() and len(text) <= HEADER_CHARS_MAX):
            path = value.from_.path if value.from_ else "value"
            raise MalformedInput(
                "not_a_header", path, f"“{path}”不能写入 HTTP 头", f"{path} cannot stand in a header: it is not ASCII"
            )
        return text

    def _form(self, fields: Mapping[str, SentValue], document: dict[str, Any]) -> bytes:
        read = {name: (value.read(document, self._tables), value) for name, value in fields.items()}
        return urlencode({name: _text(one, value) for name, (one, value) in read.items() if one is not ABSENT}).encode()


def _json(content: Any) -> bytes:
    try:
        return b"" if content is ABSENT else orjson.dumps(content)
    except TypeError:  # such as a number of more than 64 bits
        zh, en = "无法写成 JSON", "it cannot be written as JSON"
        raise MalformedInput("not_json", "json", zh, en) from None


def _text(read: Any, value: SentValue) -> str:
    match read:
        case str():
            return read
        case _ if read is ABSENT or read is None:
            return ""
        case bool():
            return "true" if read else "false"
        case int() | float():
            return str(read)
        case _:
            path = value.from_.path if value.from_ else "value"
            zh, en = f"“{path}”是对象或列表,应为文字", f"{path} is an object or a list, and a text is meant"
            raise MalformedInput("wrong_type", path, zh, en)


@contextmanager
def _translating(place: str) -> Iterator[None]:
    """Read for a request. What the event has in it is in the failure's message alone. Raises DeliveryFailed."""
    try:
        yield
    except MalformedInput as error:
        detail = Text(f"{place}:此事件无法按对照表转换", f"{place}: the map has no form for this event")
        raise DeliveryFailed(
            FailureKind.UNTRANSLATABLE, detail, code=error.code, message=f"{error.field}: {error.zh} / {error.en}"
        ) from None


def _commands(readers: Readers, mapped: Sequence[CommandOfAnswer]) -> Sequence[tuple[Expression | None, CommandReader]]:
    return [(one.when, CommandReader(readers, one.command, one.fields)) for one in mapped]


def _effect(
    place: str,
    reference: Expression | None,
    commands: Sequence[tuple[Expression | None, CommandReader]],
    document: dict[str, Any],
) -> Effect:
    """Read an answer to what was done. One that cannot be read is unknown: it is asked for once more."""
    made = list[Command]()
    part = "reference"
    try:
        found = reference.read(document) if reference else None
        for number, (when, reader) in enumerate(commands):
            part = f"commands.{number}"
            if when is None or when.holds(document):
                made.append(reader.read(document))
    except MalformedInput as error:
        detail = Text(f"已完成,但应答不符合 {place}.{part}", f"it is done, and the answer does not fit {place}.{part}")
        raise DeliveryFailed(
            FailureKind.UNKNOWN, detail, code=error.code, message=f"{error.field}: {error.zh} / {error.en}"
        ) from None
    text = str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""
    return Effect(reference=one_line(text)[:REFERENCE_CHARS_MAX], commands=tuple(made))
