"""Mutations of every record, over ten thousand in all: each is refused by name, or survives being written again.

Avro spells one value in several ways (blocks of a list, long numbers): the bytes may differ where the value does not.
"""

import struct
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from bus.domain.commands import IssueParts
from bus.domain.errors import MalformedInput
from bus.domain.events import PartsIssued
from bus.wire.codec import PAYLOAD_BYTES_MAX
from schemas.catalogue import BY_CLASS, COMMAND, EVENT, RECORD_TYPES, RecordType
from schemas.messages import CommandSent, HostRead, RequestReceived
from tests.schemas.codecs import CODEC, IDS, NOW, full, recorded

DECODE_S_MAX, BYTES_PER_BYTE_MAX = 10.0, 500
"""What the worst record may take: of the size limit, and per byte; it is one object every two bytes."""


def named(record: RecordType) -> str:
    return record.cls.__name__


def whole(record: RecordType) -> bytes:
    """Write one record of a kind with every part filled in."""
    if record.envelope is EVENT:
        return CODEC.encode(recorded(full(record.cls)))
    if record.envelope is COMMAND:
        sent = CommandSent(
            idempotency_key="k-1", source="erp", actor="李工", at=NOW, ticket_id="T20261122-000001",
            ticket_source_no="",
            command=full(record.cls),
        )  # fmt: skip
        return CODEC.encode_record(sent)
    if record.cls is HostRead:
        return CODEC.encode_record(HostRead(host="h", read_at=NOW, path="/", disk_total_bytes=1e12, disk_free_bytes=0.1,
                                            memory_free_bytes=5.5))  # fmt: skip
    return CODEC.encode_record(
        RequestReceived(
            delivery_id="d", source="crm", client="crm", method="POST", path="/v1", headers={"a": "b", "c": "d"},
            body=b"{}", received_at=NOW, trace_id="ab" * 16,
        )
    )  # fmt: skip


def judge(record: RecordType, value: bytes) -> str:
    """Decode: say whether it was refused or read; whatever is neither fails the test."""
    try:
        read = _decoded(record, value)
    except MalformedInput as refused:
        return (
            "refused" if refused.field and refused.zh and refused.en else pytest.fail(f"says too little: {refused!r}")
        )
    again = CODEC.encode(read) if record.envelope is EVENT else CODEC.encode_record(read)
    assert _decoded(record, again) == read, f"another value: {value!r:.300}"
    return "read" if again == value else "read, spelled otherwise"


def _decoded(record: RecordType, value: bytes) -> Any:
    return CODEC.decode(value) if record.envelope is EVENT else CODEC.decode_record(value)


def varint(number: int) -> bytes:
    """Spell an Avro long."""
    rest, spelled = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        spelled.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*spelled, rest])


NUMBERS: Sequence[bytes] = (
    *map(varint, (-1, -2, -64, 2**20, -(2**20), 2**31, -(2**31) - 1, 2**53, 2**62, 2**63 - 1, -(2**63))),
    b"\xff" * 9 + b"\x01", b"\xff" * 40, b"\x80" * 40 + b"\0", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
)  # fmt: skip
_HEAD = 5


def _flipped(value: bytes, chance: Random) -> bytes:
    broken = bytearray(value)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def _cut(value: bytes, chance: Random) -> bytes:
    return value[: chance.randrange(len(value))]


def _longer(value: bytes, chance: Random) -> bytes:
    return value + chance.choice((b"\0", b"\x01", chance.randbytes(5), value, value[_HEAD:], b"\0" * 1000))


def _overlong(value: bytes, chance: Random) -> bytes:
    """Spell the number at some place, if it is one, in more bytes than it needs."""
    at = chance.randrange(_HEAD, len(value))
    return value[:at] + bytes([value[at] | 0x80]) + b"\x80" * chance.choice((0, 0, 3, 8)) + b"\0" + value[at + 1 :]


def _number(value: bytes, chance: Random) -> bytes:
    """Put another number in some place: a negative branch of a union, a length or a count beyond all bounds."""
    at = chance.randrange(_HEAD, len(value))
    return value[:at] + chance.choice(NUMBERS) + value[at + chance.choice((0, 1, 1)) :]


def _spliced(value: bytes, chance: Random) -> bytes:
    a, b = sorted(chance.randrange(_HEAD, len(value) + 1) for _ in range(2))
    return value[:a] + value[b:] if chance.random() < 0.5 else value[:b] + value[a:]


def _junk(value: bytes, chance: Random) -> bytes:
    at = chance.randrange(_HEAD, len(value))
    return value[:at] + chance.randbytes(chance.choice((1, 2, 9))) + value[at + chance.randrange(3) :]


def _other_schema(value: bytes, chance: Random) -> bytes:
    number = chance.choice((0, 2**32 - 1, chance.choice(sorted(IDS.values())), chance.randrange(2**32)))
    return struct.pack(">bI", chance.choice((0, 0, 0, 1, -1)), number) + value[_HEAD:]


MUTATE: Sequence[Callable[[bytes, Random], bytes]] = (
    _flipped, _flipped, _flipped, _cut, _longer, _overlong, _overlong, _number, _number, _spliced, _junk, _other_schema,
)  # fmt: skip


@pytest.mark.parametrize("mutations", [300, pytest.param(10_000, marks=pytest.mark.faults)])
@pytest.mark.parametrize("record", RECORD_TYPES, ids=named)
def test_a_mutated_record_is_refused_or_is_what_its_bytes_say(
    record: RecordType, chance: Random, mutations: int
) -> None:
    good = whole(record)
    assert judge(record, good) == "read"
    met = Counter(judge(record, chance.choice(MUTATE)(good, chance)) for _ in range(mutations))
    assert min(met["read"], met["refused"]) > mutations // 100  # neither judge nor decoder is blind


def bomb(record: RecordType, size: int) -> bytes:
    """Write a record whose last list has as many of the smallest parts as fit into so many bytes."""
    good = whole(record)
    at = max(place for place in range(len(good)) if good[place] == 4)  # two parts are filled in
    return good[:at] + varint(size // 2) + b"\0" * (size + 1)


@pytest.mark.parametrize("record", [BY_CLASS[PartsIssued], BY_CLASS[IssueParts]], ids=named)
def test_a_record_full_of_the_smallest_parts_takes_bounded_time_and_memory(record: RecordType) -> None:
    began = time.process_time()
    judge(record, bomb(record, PAYLOAD_BYTES_MAX - 1000))
    assert time.process_time() - began < DECODE_S_MAX
    tracemalloc.start()
    try:
        judge(record, bomb(record, 50_000))
        assert tracemalloc.get_traced_memory()[1] < 50_000 * BYTES_PER_BYTE_MAX
    finally:
        tracemalloc.stop()


def test_the_judge_finds_another_value_and_another_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    record = RECORD_TYPES[0]
    value, others = whole(record), iter(range(2, 9))
    with monkeypatch.context() as planted:
        planted.setattr(CODEC, "decode", lambda _: recorded(full(record.cls), version=next(others)))
        with pytest.raises(AssertionError, match="another value"):
            judge(record, value)
    monkeypatch.setattr("bus.wire.codec._malformed", lambda *_: ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        judge(record, value[:-1])
