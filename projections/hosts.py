"""The read model `hosts`: the last reading of each host and path."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any

from bus.domain.errors import MalformedInput
from bus.postgres.pool import Pool, connected, read_rows
from bus.wire.codec import Codec
from bus.wire.record_reader import Keep, Know, RecordReader
from bus.wire.undecodable import decoded_as
from projections.read_model import Key, ReadModel, Table, Written
from schemas.messages import HostRead
from schemas.topics import HOSTS as TOPIC

ROLE_CHARS_MAX = 200
KEY_BYTES_MAX = 2_000  # of host and path; PostgreSQL's index takes no more than 2,704
_COLUMNS = tuple(one.name for one in fields(HostRead))
_ALL = f"SELECT {', '.join(_COLUMNS)} FROM hosts ORDER BY host, path"  # noqa: S608 - names of fields


async def last_readings(pool: Pool) -> list[HostRead]:
    """Read the last reading of each host and path, in their order. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return await read_rows(connection, _ALL.encode(), HostRead)


@dataclass(frozen=True, slots=True)
class HostRemoved:
    """A record without a value: compaction forgets its host and path, and so does the read model."""

    host: str
    path: str


def project(_: HostRead | None, last: HostRead | HostRemoved) -> HostRead | None:
    """Take the last record, as compaction does: a host whose clock was set back is not frozen."""
    return last if isinstance(last, HostRead) else None


def reader(codec: Codec, know: Know, keep: Keep) -> RecordReader[HostRead | HostRemoved]:
    """Make the reader of host readings; one that the table could not hold is malformed."""

    def decode(value: bytes) -> HostRead:
        reading = decoded_as(codec, value, HostRead)
        _refuse_unkeepable(reading)
        return reading

    return RecordReader(decode=decode, deleted=removed, know=know, keep=keep)


def removed(record_key: bytes | None) -> HostRemoved:
    """Read the key of a record without a value. Raises MalformedInput when it is not host|path."""
    host, bar, path = (record_key or b"").decode(errors="replace").partition("|")
    if not bar or "\0" in host + path:
        raise MalformedInput("malformed_key", "key", "键不是“主机|路径”", "the key is not host|path")
    return HostRemoved(host, path)


def _refuse_unkeepable(reading: HostRead) -> None:
    key = f"{reading.host}{reading.path}"
    if not reading.host:
        raise MalformedInput("blank", "host", "主机名为空", "host is empty")
    if "\0" in key:
        raise MalformedInput("nul", "host", "主机名或路径含 NUL 字符", "host or path holds NUL")
    if len(key.encode()) > KEY_BYTES_MAX:
        zh, en = f"主机名与路径超过 {KEY_BYTES_MAX} 字节", f"host and path are longer than {KEY_BYTES_MAX} bytes"
        raise MalformedInput("too_long", "path", zh, en)
    if len(reading.role) > ROLE_CHARS_MAX:
        zh, en = f"主机用途超过 {ROLE_CHARS_MAX} 字", f"role is longer than {ROLE_CHARS_MAX} characters"
        raise MalformedInput("too_long", "role", zh, en)
    for name in ("disk_total_bytes", "disk_free_bytes", "memory_free_bytes", "inodes_total", "inodes_free"):
        if not 0 <= getattr(reading, name) < inf:
            raise MalformedInput("no_size", name, f"“{name}”不是字节数或个数", f"{name} is no number of bytes or files")


def write(_: HostRead | None, row: HostRead) -> Mapping[str, Sequence[Written]]:
    """Give the table's record of a row."""
    return {"hosts": [asdict(row)]}


def _read(_: Key, stored: Sequence[Any]) -> HostRead:
    return HostRead(**dict(zip(_COLUMNS, stored, strict=True)))


HOSTS = ReadModel(
    name="hosts",
    topic=TOPIC,
    tables=(Table(name="hosts", key=("host", "path")),),
    reader=reader,
    key_of=lambda reading: (reading.host, reading.path),
    project=project,
    stored=_COLUMNS,
    read=_read,
    write=write,
)
