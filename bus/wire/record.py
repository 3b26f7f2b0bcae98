"""A Kafka record: raw bytes, headers and position."""

from dataclasses import dataclass

from bus.domain.errors import MalformedInput
from bus.wire.headers import version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record; `timestamp_ms` is Kafka's own, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


def identity(record: Record) -> tuple[str, int]:
    """Read ticket and version off a record without decoding it. Raises MalformedInput."""
    version = version_of(record.headers)
    if record.key is None or version is None:
        raise MalformedInput("no_identity", "ticket-version", "记录缺少键或版本", "the record lacks its key or version")
    if b"\0" in record.key:
        raise MalformedInput("nul", "key", "记录的键含 NUL 字符", "the record's key holds NUL")
    return record.key.decode(errors="replace"), version
