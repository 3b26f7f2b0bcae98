"""Documents of a source into the requests that its map makes of them. Pure; only MalformedInput leaves it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from adapters.expressions import Expression, bounded
from adapters.mapped.map_file import CommandMap, NoteOfOthers, SourceMap
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.salesforce_outbound import FORM, ID, MESSAGE, checked
from adapters.mapped.transports import PolledList, Webhook
from adapters.mapping.commands import SOURCE_NO, CommandReader
from adapters.mapping.field_values import FieldValue
from adapters.mapping.readers import NOTHING, Reader, Readers, missing
from bus.domain.commands import Command, Note, OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.naming import kebab
from bus.domain.terms import TraceId
from bus.intake.command_bodies import within_limits
from bus.intake.command_ids import delivery_command_id, fingerprint
from bus.intake.reserved_names import person_name
from bus.intake.source_adapter import Ignored
from bus.reconcile.source_list import ListedTicket
from bus.wire.json_body import read_object
from schemas.messages import RequestReceived

DOCUMENTS_MAX: Final = 1_000
FORM_FIELDS_MAX: Final = 1_000
HEADERS: Final = "_headers"
ENVELOPE: Final = "_envelope"


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommandReader:
    """One command of a map, ready to read documents."""

    when: Expression | None
    command: CommandReader
    number: Reader
    number_part: FieldValue
    at: Reader
    actor: Reader


class MapTranslator:
    """Makes requests of documents, by one map."""

    def __init__(self, mapped: SourceMap) -> None:
        """Make the readers, once."""
        self.map = mapped
        readers = self._readers = Readers(words=mapped.words, time=mapped.time, missing=mapped.missing)
        self._commands = [_command_reader(readers, mapped, one) for one in mapped.commands]
        other = mapped.otherwise
        self._note = readers.text(other.note) if isinstance(other, NoteOfOthers) else None
        self._number = readers.text(mapped.number)
        self._at = readers.time(mapped.at) if mapped.at else _nothing
        self._actor = readers.text(mapped.actor) if mapped.actor else _nothing
        self._read: tuple[bytes, Any] | None = None

    def requests(self, received: RequestReceived) -> tuple[Request, ...]:
        """Give the requests of a verified delivery. Raises MalformedInput, or Ignored where it asks for nothing."""
        document = self.document(received.body, received.headers)
        self._read = None
        with bounded():
            documents = self._documents(document)
            made = [request for one in documents for request in self._of_document(one, received)]
        if not made:
            zh = "已收到,不处理:对照表里没有适用的命令"
            raise Ignored("nothing_to_do", "$", zh, "taken without effect: no command of the map takes it")
        # Sent again, a notification of a batch has the record as it is by then.
        same = document[MESSAGE][ID] if in_batches(self.map) else None
        return tuple(_request(one, received, str(step), same) for step, one in enumerate(made))

    def listed(self, document: Any, at: Callable[[Any], Any]) -> ListedTicket | None:
        """Read a document of the source's own list; `at` reads when it was opened. None where the map passes it over.

        Raises MalformedInput for one that has no number or no time.
        """
        if self.map.when is not None and not self.map.when.holds(document):
            return None
        number, opened_at = self._number(document), at(document)
        if not number:
            raise missing("number", self.map.number)
        if not isinstance(opened_at, datetime):
            raise MalformedInput("missing", "listing.opened_at", "没有报修时间", "it does not say when it was opened")
        bare = ListedTicket(number=within_limits(number, "source_no"), at=opened_at.astimezone(UTC))
        openings = [one for one in self._commands if one.command.cls is OpenTicket]
        try:
            for one in openings:
                if one.when is None or one.when.holds(document):
                    command = one.command.read(document, **{SOURCE_NO: bare.number})
                    assert isinstance(command, OpenTicket)
                    return replace(bare, opening=command)
        except MalformedInput as lacking:
            return replace(bare, unopenable=lacking.text)
        return bare

    def time_reader(self, value: FieldValue) -> Callable[[Any], Any]:
        """Make the reader of a time that stands where a value says."""
        return self._readers.time(value)

    def document(self, body: bytes, headers: Mapping[str, str]) -> Any:
        """Read what was sent as one document. The last body is parsed once for its id and its commands.

        Raises MalformedInput.
        """
        read = self._read  # once: other deliveries may be read meanwhile, by other threads
        if read is None or read[0] is not body:
            self._read = read = (body, parsed_body(self.map, body))
        document, transport = read[1], self.map.transport
        if isinstance(transport, Webhook) and transport.headers and isinstance(document, dict):
            return {**document, HEADERS: {name: headers.get(name) for name in transport.headers}}
        return document

    def _documents(self, document: Any) -> Sequence[Any]:
        listed = isinstance(self.map.transport, PolledList | Mqtt)  # whoever read it took its documents apart
        expression = None if listed else self.map.documents
        found = document if expression is None else expression.read(document)
        documents = found if isinstance(found, list) else [] if found is None else [found]
        if len(documents) > DOCUMENTS_MAX:
            path = expression.path if expression else "$"
            zh, en = f"一次超过 {DOCUMENTS_MAX} 份文档", f"more than {DOCUMENTS_MAX} documents at once"
            raise MalformedInput("too_many", path, zh, en)
        if shared := self._shared(document):
            documents = [{**one, **shared} if isinstance(one, dict) else one for one in documents]
        when = self.map.when
        return [one for one in documents if when is None or when.holds(one)]

    def _shared(self, document: Any) -> Mapping[str, Any]:
        """Give what every document has of all that was sent: single values alone, or it would multiply."""
        if self.map.documents is None or not isinstance(self.map.transport, Webhook):
            return {}
        found = {name: one.read(document) for name, one in self.map.envelope.items()}
        for name, value in found.items():
            if isinstance(value, dict | list):
                path = self.map.envelope[name].path
                zh, en = f"“{path}”应为单个值", f"{path} is an object or a list, and a single value is meant"
                raise MalformedInput("wrong_type", path, zh, en)
        shared: dict[str, Any] = {ENVELOPE: found} if found else {}
        if isinstance(document, dict) and HEADERS in document:
            shared[HEADERS] = document[HEADERS]
        return shared

    def _of_document(self, document: Any, received: RequestReceived) -> list["_Made"]:
        made = [self._made(one, document) for one in self._commands if one.when is None or one.when.holds(document)]
        if made or self._note is None:
            return made
        text = self._note(document)
        number = self._number(document)
        if not text or not number:
            return []
        return [
            _Made(
                command=Note(text=text),
                number=number,
                at=self._at(document),
                actor=self._actor(document) or received.source,
            )
        ]

    def _made(self, reader: _CommandReader, document: Any) -> "_Made":
        number = reader.number(document)
        if not number:
            raise missing("number", reader.number_part)
        own = {SOURCE_NO: number} if reader.command.cls is OpenTicket else {}
        command = reader.command.read(document, **own)
        return _Made(command=command, number=number, at=reader.at(document), actor=reader.actor(document) or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    command: Command
    number: str
    at: Any
    actor: str


def _request(made: _Made, received: RequestReceived, step: str, same: str | None) -> Request:
    """Make the request of one command; the same delivery gives the same ids.

    A repeat is known by what the map takes of it: a sender that counts seconds in what it sends again, or writes its
    fields in another order, repeats itself. `same` stands for all that, where there is one.
    """
    opens = isinstance(made.command, OpenTicket)
    person = person_name(within_limits(made.actor, "actor"), "actor")
    return Request(
        command_id=delivery_command_id(received.source, received.delivery_id, step),
        command=made.command,
        source=received.source,
        actor=person or received.source,
        at=made.at or received.received_at,
        received_at=received.received_at,
        trace_id=TraceId(received.trace_id),
        fingerprint=fingerprint(received.source, kebab(type(made.command)), {"made": same or made}),
        source_no="" if opens else within_limits(made.number, "source_no"),
        automatic=not person,
    )


def in_batches(mapped: SourceMap) -> bool:
    """Say whether what is sent holds several deliveries: an outbound message of Salesforce."""
    return isinstance(mapped.transport, Webhook) and mapped.transport.body == FORM


def parsed_body(mapped: SourceMap, body: bytes) -> Any:
    """Parse the body of a delivery; a notification is JSON once its message was taken apart. Raises MalformedInput."""
    transport = mapped.transport
    if not isinstance(transport, Webhook):
        return read_any(body)
    match transport.body:
        case "json":
            return read_any(body)
        case "form":
            return dict(_form(body))
        case "form-json":
            return read_any(dict(_form(body)).get(transport.json_field, "").encode())
        case "salesforce-outbound-message":
            return checked(read_any(body))


def read_any(body: bytes) -> Any:
    """Parse JSON, an object or a list, with its numbers as numbers. Raises MalformedInput."""
    if body.lstrip()[:1] == b"[":
        wrapped = read_object(b'{"list":' + body + b"}", "$", foreign=True, number_texts=False)
        if len(wrapped) > 1:  # what follows the list had the form of a member
            raise MalformedInput("not_json", "$", "不是合法 JSON", "not JSON: something follows the list")
        return wrapped["list"]
    return read_object(body, "$", foreign=True, number_texts=False)


def _form(body: bytes) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=FORM_FIELDS_MAX,
            errors="strict",
        )
    except ValueError:
        zh, en = "不是 UTF-8 的表单(application/x-www-form-urlencoded)", "not a form in UTF-8"
        raise MalformedInput("not_a_form", "$", zh, en) from None


def _command_reader(readers: Readers, mapped: SourceMap, one: CommandMap) -> _CommandReader:
    at, actor, number = one.at or mapped.at, one.actor or mapped.actor, one.number or mapped.number
    return _CommandReader(
        when=one.when,
        command=CommandReader(readers, one.command, one.fields),
        number=readers.text(number),
        number_part=number,
        at=readers.time(at) if at else _nothing,
        actor=readers.text(actor) if actor else _nothing,
    )


def _nothing(_: Any) -> None:
    return NOTHING
