"""Any event survives the way to bytes and back; whatever is no event is refused by name, and by nothing else."""

import io
import json
import random
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.domain.closing_events import TicketResolved
from bus.domain.errors import InvariantBroken, MalformedInput
from bus.domain.events import NoteAdded, Recorded
from bus.wire.codec import PAYLOAD_BYTES_MAX, Codec, RegisteredSchema, event_json
from schemas.catalogue import BY_CLASS, EVENT_TYPES, RECORD_TYPES, RecordType
from schemas.messages import CommandSent, HostRead, RequestReceived
from tests.domain.any_value import anything
from tests.domain.given import Story
from tests.domain.given import given as told
from tests.domain.people import CLOSED, PAUSED
from tests.schemas.codecs import CODEC, IDS, NOW, ONE_OF_EACH, any_recorded, any_sent, recorded, registered

NOTE = recorded(NoteAdded(text="门禁密码 1234", changed=("urgency",)))
MUTATIONS_PER_EVENT = 400


def named(record: RecordType) -> str:
    """Name a record for the list of tests."""
    return record.cls.__name__


@pytest.mark.parametrize("record", EVENT_TYPES, ids=named)
@given(data=st.data())
@settings(max_examples=25)
def test_codec_any_event_survives_the_way_there_and_back(record: RecordType, data: st.DataObject) -> None:
    event = data.draw(any_recorded(record.cls))
    value = CODEC.encode(event)
    assert CODEC.decode(value) == event
    assert CODEC.encode(CODEC.decode(value)) == value
    assert struct.unpack(">bI", value[:5]) == (0, IDS[record.cls])


@given(anything(RequestReceived) | anything(HostRead) | any_sent())
def test_codec_any_other_record_survives_it_too(record: CommandSent | RequestReceived | HostRead) -> None:
    assert CODEC.decode_record(CODEC.encode_record(record)) == record


@pytest.mark.parametrize("at", [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 11, 22, 9, 30, 0, 1, tzinfo=timezone(timedelta(hours=8))),
])  # fmt: skip
def test_codec_times_keep_their_microseconds(at: datetime) -> None:
    back = CODEC.decode(CODEC.encode(replace(NOTE, occurred_at=at)))
    assert back.occurred_at == at
    assert back.occurred_at.utcoffset() == timedelta(0)


def test_codec_the_same_event_is_the_same_bytes() -> None:
    assert CODEC.encode(NOTE) == CODEC.encode(replace(NOTE))


def test_codec_an_event_in_json_has_the_fields_of_its_record_and_its_type() -> None:
    shown = event_json(NOTE)
    assert list(shown)[:-1] == [field["name"] for field in BY_CLASS[NoteAdded].schema["fields"]]
    assert shown["event_type"] == "note.added.v1"


@pytest.mark.parametrize("story", [told(*CLOSED), told(*PAUSED), told(*CLOSED, historic=True)])
def test_codec_what_a_story_leads_to_survives_too(story: Story) -> None:
    assert [CODEC.decode(CODEC.encode(one)) for one in story.log] == story.log


def _judge(value: bytes) -> Recorded | None:
    """Decode: an event, or None for a refusal that names what is wrong. Any other exception fails the test."""
    try:
        return CODEC.decode(value)
    except MalformedInput as refused:
        return None if refused.field and refused.zh and refused.en else pytest.fail(f"says too little: {refused!r}")


def test_codec_every_truncation_of_every_event_is_refused() -> None:
    for value in map(CODEC.encode, ONE_OF_EACH):
        assert [end for end in range(len(value)) if _judge(value[:end]) is not None] == []


def test_codec_every_longer_value_is_refused() -> None:
    for value in map(CODEC.encode, ONE_OF_EACH):
        assert [extra for extra in (b"\0", b"\xff", value, b" " * 300) if _judge(value + extra) is not None] == []


def test_codec_a_flipped_bit_is_refused_or_reads_as_another_event_never_as_a_crash() -> None:
    chance = random.Random(20_261_122)  # noqa: S311 - reproducible mutations, no secret
    tried = 0
    for value in map(CODEC.encode, ONE_OF_EACH):
        bits = len(value) * 8
        for bit in chain(range(40), (chance.randrange(bits) for _ in range(MUTATIONS_PER_EVENT))):
            flipped = bytearray(value)
            flipped[bit // 8] ^= 1 << bit % 8
            read = _judge(bytes(flipped))
            assert read is None or CODEC.decode(CODEC.encode(read)) == read
            tried += 1
    assert tried >= 2000


@given(st.binary(max_size=200), st.sampled_from(sorted(IDS.values())))
@settings(max_examples=500)
def test_codec_any_bytes_under_a_known_id_are_refused_or_read(body: bytes, schema_id: int) -> None:
    _judge(struct.pack(">bI", 0, schema_id) + body)


@pytest.mark.parametrize(("value", "field"), [
    (b"", "value"),
    (b"\0\0\0\0", "value"),
    (b"{\"ticket\": 1}", "value"),
    (struct.pack(">bI", 0, 4_000_000_000), "schema_id"),
    (struct.pack(">bI", 0, 0) + b"x", "schema_id"),
    (b"\0" * (PAYLOAD_BYTES_MAX + 1), "value"),
])  # fmt: skip
def test_codec_what_is_no_record_of_the_bus_is_refused_by_name(value: bytes, field: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        CODEC.decode(value)
    assert refused.value.field == field


def test_codec_a_record_of_another_kind_is_no_ticket_event() -> None:
    host = HostRead(
        host="a", read_at=NOTE.occurred_at, path="/", disk_total_bytes=1, disk_free_bytes=1, memory_free_bytes=1
    )
    with pytest.raises(MalformedInput, match="no ticket event"):
        CODEC.decode(CODEC.encode_record(host))


def test_codec_a_host_reading_written_before_hosts_had_roles_has_none() -> None:
    host = HostRead(host="a", read_at=NOW, path="/", disk_total_bytes=2, disk_free_bytes=1, memory_free_bytes=1)
    schema = BY_CLASS[HostRead].schema
    before = {**schema, "fields": [one for one in schema["fields"] if one["name"] != "role"]}
    value = io.BytesIO()
    schemaless_writer(
        value, parse_schema(before), {one["name"]: getattr(host, one["name"]) for one in before["fields"]}
    )
    codec = Codec({**registered(*RECORD_TYPES), 900: RegisteredSchema(900, BY_CLASS[HostRead].subject, before)})
    assert codec.decode_record(struct.pack(">bI", 0, 900) + value.getvalue()) == host


@pytest.mark.parametrize("ids", [(900, 800), (800, 900)])
def test_codec_writes_under_the_text_that_is_ours_or_else_under_one_of_the_same_bytes(ids: tuple[int, int]) -> None:
    ours = BY_CLASS[NoteAdded]
    plain = {**ours.schema, "fields": [{**one, "doc": "as it was"} for one in ours.schema["fields"]]}
    before, now = RegisteredSchema(800, ours.subject, plain), RegisteredSchema(900, ours.subject, ours.schema)
    alone, both = Codec({800: before}), Codec({one: {800: before, 900: now}[one] for one in ids})
    assert [alone.encode(NOTE)[:5], both.encode(NOTE)[:5]] == [struct.pack(">bI", 0, 800), struct.pack(">bI", 0, 900)]
    assert [both.decode(each.encode(NOTE)) for each in (alone, both)] == [NOTE, NOTE]


def test_codec_times_are_read_by_the_unit_that_they_were_written_in() -> None:
    ours = BY_CLASS[NoteAdded]
    millis = json.loads(json.dumps(ours.schema).replace("timestamp-micros", "timestamp-millis"))
    codec = Codec(
        {800: RegisteredSchema(800, ours.subject, millis), 900: RegisteredSchema(900, ours.subject, ours.schema)}
    )
    note = replace(NOTE, occurred_at=NOTE.occurred_at.replace(microsecond=0))
    values = {**event_json(note), "occurred_at": note.occurred_at}
    out = io.BytesIO(struct.pack(">bI", 0, 800))
    out.seek(0, io.SEEK_END)
    schemaless_writer(out, parse_schema(millis), values)
    assert codec.decode(out.getvalue()).occurred_at == note.occurred_at
    assert codec.encode(note)[:5] == struct.pack(">bI", 0, 900)


def test_codec_a_word_outside_its_list_is_refused_by_its_field() -> None:
    solved = recorded(TicketResolved(photos=("p",), summary="s", root_cause="leakage"))
    value = CODEC.encode(solved)
    assert _judge(value) == solved
    sla = next(one for one in ONE_OF_EACH if type(one.event).__name__ == "SlaWarned")
    broken = CODEC.encode(sla).replace(b"resolution", b"revolution").replace(b"first_response", b"first_responsE")
    with pytest.raises(MalformedInput) as refused:
        CODEC.decode(broken)
    assert refused.value.field == "clock"


def test_codec_a_record_without_a_registered_schema_is_ours_to_mend() -> None:
    codec = Codec(registered(*[one for one in RECORD_TYPES if one.cls is not NoteAdded]))
    with pytest.raises(InvariantBroken, match="topics apply"):
        codec.encode(NOTE)
    with pytest.raises(MalformedInput, match="not registered"):
        codec.decode(CODEC.encode(NOTE))
