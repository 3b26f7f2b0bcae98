"""Records to bytes and back: Confluent framing (0x00, schema id, Avro) by registered schemas, never by guesses."""

import io
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import fastavro
from fastavro import parse_schema
from fastavro.types import Schema
from pydantic import TypeAdapter, ValidationError

from bus.domain.errors import InvariantBroken, MalformedInput
from bus.domain.events import Recorded
from bus.domain.fast_replace import made
from bus.domain.ticket import Ticket
from bus.wire.schema_equality import same_schema
from schemas.catalogue import BY_CLASS, BY_SUBJECT, COMMAND, EVENT, RECORD_TYPES, EnvelopeFields, RecordType
from schemas.field_paths import NO_BYTES
from schemas.insight_messages import InsightMessage
from schemas.messages import (
    AlertFlipped,
    ArticleChanged,
    CheckpointSealed,
    CommandSent,
    HostRead,
    LetterDecided,
    LetterPosted,
    PersonChanged,
    RequestReceived,
)

RecordSent = (
    CheckpointSealed
    | CommandSent
    | RequestReceived
    | HostRead
    | LetterPosted
    | LetterDecided
    | AlertFlipped
    | PersonChanged
    | InsightMessage
    | ArticleChanged
)
PAYLOAD_BYTES_MAX = 1024 * 1024
_HEADER = struct.Struct(">bI")


def _names(envelope: EnvelopeFields) -> tuple[str, ...]:
    return tuple(f.name for f in fields(envelope.cls) if f.name != envelope.payload)


_ENVELOPE, _COMMAND_ENVELOPE = _names(EVENT), _names(COMMAND)
_TICKET: TypeAdapter[Ticket] = TypeAdapter(Ticket)
_ADAPTERS: Mapping[type, TypeAdapter[Any]] = {one.cls: TypeAdapter(one.cls) for one in RECORD_TYPES}
_PAYLOADS: Mapping[type, tuple[str, ...]] = {one.cls: tuple(f.name for f in fields(one.cls)) for one in RECORD_TYPES}


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema as the registry knows it: id, subject, and the schema that bytes under this id were written with."""

    schema_id: int
    subject: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Reader:
    kind: RecordType
    writer: Schema
    reader: Schema | None


class Codec:
    """Encodes with the catalogue's schemas under their registered ids, decodes whatever id is registered."""

    def __init__(self, registered: Mapping[int, RegisteredSchema]) -> None:
        """Compile once; KeyError-free: a catalogue record without an id is an InvariantBroken when first encoded."""
        self._readers: dict[int, _Reader] = {}
        self._writers: dict[type, tuple[bytes, Any]] = {}
        self._exact: set[type] = set()  # whose writer's schema is the catalogue's to the letter
        self._current = {one.subject: parse_schema(one.schema) for one in RECORD_TYPES}
        for one in registered.values():
            self.learn(one)

    def learn(self, one: RegisteredSchema) -> bool:
        """Take in a registered schema; says whether it is one of the catalogue's records, else it is left out.

        Of several that make the same bytes the last one is written, and the catalogue's very own before others.
        """
        known = BY_SUBJECT.get(one.subject)
        if known is None:
            return False
        wanted = self._current[one.subject]
        try:
            writer = parse_schema(one.schema)
            # Docs and defaults make no other bytes, and some registries keep the text that they have for one id.
            same = same_schema(one.schema, known.schema, without=(*NO_BYTES, "default"))
        except Exception:  # noqa: BLE001 - anybody may have registered it, and fastavro fails in many ways
            return False
        self._readers[one.schema_id] = _Reader(known, wanted, None) if same else _Reader(known, writer, wanted)
        exact = one.schema == known.schema
        if same and (exact or known.cls not in self._exact):
            self._writers[known.cls] = (_HEADER.pack(0, one.schema_id), wanted)
            self._exact |= {known.cls} if exact else set()
        return True

    def unknown(self, values: Iterable[bytes | None]) -> set[int]:
        """Name the schema ids of values that this codec was never taught; a value without one names none."""
        heads = (value for value in values if value and len(value) >= _HEADER.size and value[0] == 0)
        return {_HEADER.unpack_from(value)[1] for value in heads} - self._readers.keys()

    def encode(self, recorded: Recorded) -> bytes:
        """Give an event's final bytes."""
        values = {name: getattr(recorded, name) for name in _ENVELOPE}
        values.update(_ADAPTERS[type(recorded.event)].dump_python(recorded.event))
        return self._write(type(recorded.event), values)

    def encode_record(self, record: RecordSent) -> bytes:
        """Give the final bytes of a record that is no ticket event."""
        if isinstance(record, CommandSent):
            command = record.command
            values = {name: getattr(record, name) for name in _COMMAND_ENVELOPE}
            return self._write(type(command), {**values, **_ADAPTERS[type(command)].dump_python(command)})
        return self._write(type(record), _ADAPTERS[type(record)].dump_python(record))

    def decode(self, value: bytes) -> Recorded:
        """Read an event back; MalformedInput names what is wrong with the bytes."""
        kind, values = self._read(value)
        if kind.envelope is not EVENT:
            raise _malformed("schema", f"{kind.cls.__name__} is no ticket event")
        event = _validated(kind.cls, {name: values[name] for name in _PAYLOADS[kind.cls]})
        envelope = {name: values[name] for name in _ENVELOPE}
        return made(Recorded, {**envelope, "waived": tuple(envelope["waived"]), "event": event})

    def decode_record(self, value: bytes) -> Any:
        """Read a record that is no ticket event; MalformedInput names what is wrong."""
        kind, values = self._read(value)
        if kind.envelope is COMMAND:
            command = _validated(kind.cls, {name: values[name] for name in _PAYLOADS[kind.cls]})
            return CommandSent(**{name: values[name] for name in _COMMAND_ENVELOPE}, command=command)
        if kind.envelope is EVENT:
            raise _malformed("schema", f"{kind.cls.__name__} is a ticket event")
        return _validated(kind.cls, values)

    def _write(self, cls: type, values: Mapping[str, Any]) -> bytes:
        found = self._writers.get(cls)
        if found is None:
            raise InvariantBroken(f"{BY_CLASS[cls].subject} has no registered schema; run `ticketbus topics apply`")
        head, schema = found
        out = io.BytesIO()
        out.write(head)
        fastavro.schemaless_writer(out, schema, values)
        if out.tell() > PAYLOAD_BYTES_MAX:
            raise InvariantBroken(f"a {cls.__name__} of {out.tell()} bytes is more than Kafka is to carry")
        return out.getvalue()

    def _read(self, value: bytes) -> tuple[RecordType, dict[str, Any]]:
        if len(value) > PAYLOAD_BYTES_MAX:
            raise _malformed("value", f"{len(value)} bytes are more than {PAYLOAD_BYTES_MAX}")
        if len(value) < _HEADER.size or value[0] != 0:
            raise _malformed("value", "no Confluent header (0x00 and a schema id)")
        schema_id = _HEADER.unpack_from(value)[1]
        reader = self._readers.get(schema_id)
        if reader is None:
            raise _malformed("schema_id", f"schema id {schema_id} is not registered for a record of the bus")
        body = io.BytesIO(value)
        body.seek(_HEADER.size)
        try:
            values = fastavro.schemaless_reader(body, reader.writer, reader.reader)
        except Exception as error:
            raise _malformed("value", f"not a {reader.kind.cls.__name__}: {type(error).__name__}") from error
        if body.tell() != len(value) or not isinstance(values, dict):
            raise _malformed("value", f"{len(value) - body.tell()} bytes follow the record")
        return reader.kind, values


def ticket_json(ticket: Ticket) -> bytes:
    """Write a folded state as JSON."""
    return _TICKET.dump_json(ticket)


def ticket_from_json(text: bytes | str | Mapping[str, Any]) -> Ticket:
    """Read a folded state back from JSON text or from its parsed form."""
    return _TICKET.validate_json(text) if isinstance(text, bytes | str) else _TICKET.validate_python(text, strict=False)


def event_json(recorded: Recorded) -> dict[str, Any]:
    """Give an event as plain JSON values: the envelope's fields, then the event's own, as in its Avro record."""
    envelope: dict[str, Any] = {name: getattr(recorded, name) for name in _ENVELOPE}
    return {**envelope, **plain(recorded.event), "event_type": record_type(recorded).ce_type}


def plain(payload: object) -> dict[str, Any]:
    """Give an event's or a command's own fields as plain JSON values."""
    values: dict[str, Any] = _ADAPTERS[type(payload)].dump_python(payload, mode="json")
    return values


def record_type(recorded: Recorded) -> RecordType:
    """Look up the kind of record an event is."""
    return BY_CLASS[type(recorded.event)]


def _validated(cls: type, values: Mapping[str, Any]) -> Any:
    try:
        return _ADAPTERS[cls].validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise _malformed(".".join(str(part) for part in first["loc"]), first["msg"]) from error


def _malformed(field: str, what: str) -> MalformedInput:
    return MalformedInput("malformed_record", field, f"记录无法读取:{what}", f"the record cannot be read: {what}")
