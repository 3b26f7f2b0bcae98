"""Undecodable records: the error, and the rejected input that keeps the bytes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from bus.domain.errors import MalformedInput, Refusal
from bus.observability.spans import trace_of
from bus.wire.codec import Codec
from bus.wire.headers import header, name_text
from bus.wire.record import Record
from bus.wire.rejected_input import RejectedInput, refused_input

SOURCE_MAX = 200
Wanted = TypeVar("Wanted")


def read_value(codec: Codec, record: Record, wanted: type[Wanted]) -> Wanted:
    """Decode a record that is to be one of the class wanted. Pure. Raises MalformedInput."""
    return decoded_as(codec, value_of(record), wanted)


def value_of(record: Record) -> bytes:
    """Give a record's value. Pure. Raises MalformedInput for a record without one."""
    if record.value is None:
        raise MalformedInput("empty_record", "value", "记录没有内容", "the record is empty")
    return record.value


def decoded_as(codec: Codec, value: bytes, wanted: type[Wanted]) -> Wanted:
    """Decode a value that is to be a record of the class wanted. Pure. Raises MalformedInput."""
    read = codec.decode_record(value)
    if not isinstance(read, wanted):
        zh, en = f"这里不收 {type(read).__name__} 记录", f"a {type(read).__name__} does not belong on this topic"
        raise MalformedInput("malformed_record", "schema", zh, en)
    return read


def unreadable(refusal: Refusal, record: Record, *, origin: str) -> RejectedInput:
    """Describe a record known by its place alone; its key may name its source. Pure."""
    return refused_input(
        refusal,
        origin=origin,
        origin_ref=place_of(record),
        source=_text(record.key or b"")[:SOURCE_MAX],
        body=record.value or b"",
        trace_id=trace_of(header(record.headers, "traceparent") or "") or "",
        headers=headers_kept(record),
        began_at=written_at(record),
    )


def headers_kept(record: Record) -> Mapping[str, str]:
    """Give a record's headers as text that PostgreSQL takes, and the place where it stands. Pure."""
    own = {_text(name_text(name).encode()): _text(value) for name, value in record.headers}
    return {**own, ":place": place_of(record)}


def place_of(record: Record) -> str:
    """Name a record's place: topic/partition@offset. Pure."""
    return f"{record.topic}/{record.partition}@{record.offset}"


def written_at(record: Record) -> datetime:
    """Give a record's timestamp; anybody may have written it, and not every number is a time. Pure."""
    try:
        return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
