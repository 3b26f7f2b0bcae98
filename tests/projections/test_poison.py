"""The log with poison in it and with gaps: what is no event is kept and passed over, what was not told is looked up."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from bus.domain.errors import InvariantBroken, Transient
from bus.domain.events import Recorded, TicketOpened
from bus.domain.terms import TicketId
from bus.postgres.pool import connected
from bus.postgres.store import add_events
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from deadletter.rejected_inputs import MemoryRejectedInputs
from projections.read_models import TICKET_MODELS
from projections.store import ProjectionHandler
from projections.verify import verify
from tests.projections.told import CODEC, many, records
from tests.stage.rig import Rig

UNKNOWN = struct.pack(">bI", 0, 4_000_000)
READER = EventReader(decode=CODEC.decode)


def standing(values: Sequence[bytes | None]) -> list[Record]:
    return [
        Record(topic="t", partition=0, offset=n, key=b"k", value=value, headers=(), timestamp_ms=0)
        for n, value in enumerate(values)
    ]


def encoded(events: Sequence[Recorded]) -> list[bytes]:
    return [one.value or b"" for one in records(events, topic="t", partitions=1)]


def with_nul(opened: Recorded) -> bytes:
    assert isinstance(opened.event, TicketOpened)
    event = replace(opened.event, title="a\0b", serial="S\0N")
    return CODEC.encode(replace(opened, ticket_id=TicketId("T20261122-999999"), event=event))


async def project(rig: Rig, values: Sequence[bytes | None], reader: EventReader = READER) -> None:
    """Give every read model the records."""
    for model in TICKET_MODELS.values():
        async with connected(rig.pool) as connection:
            await ProjectionHandler(model, reader).handle(connection, standing(values))


async def test_poison_is_kept_once_and_passed_over_by_every_read_model_alike(rig: Rig) -> None:
    events, refused = many(4), MemoryRejectedInputs()
    sound = encoded(events)
    poison = [b"", b"junk", UNKNOWN + b"\x02", sound[0][:-1], sound[0] + b"\0", with_nul(events[0])]
    half = len(sound) // 2
    values = [*sound[:half], *poison, *sound[half:]]
    await project(rig, values, replace(READER, keep=refused.keep))
    assert [one.body for one in refused.kept.values()] == poison
    assert {one.code for one in refused.kept.values()} == {"malformed_record", "nul"}
    assert await rig.ask("SELECT count(*), sum(version) FROM tickets") == [(4, len(events))]
    await rig.produce(0, *values)
    await rig.begin(*TICKET_MODELS)
    await rig.ask("UPDATE stage_offsets SET next_offset = %s WHERE partition = 0 RETURNING 1", len(values))
    for model in TICKET_MODELS.values():
        tables = await verify(ProjectionHandler(model, READER), url=rig.settings.database_url or "", reader=rig.reader)
        assert [one.equal for one in tables] == [True] * len(model.tables)


async def test_poison_a_record_without_a_value_is_kept_too(rig: Rig) -> None:
    refused = MemoryRejectedInputs()
    await project(rig, [None, *encoded(many(1))], replace(READER, keep=refused.keep))
    assert [one.code for one in refused.kept.values()] == ["empty_record"]
    assert len(await rig.ask("SELECT 1 FROM tickets")) == 1


async def test_poison_versions_that_the_log_did_not_tell_are_read_from_postgresql(rig: Rig) -> None:
    events = many(5)
    tops = {one.ticket_id: one.version for one in events}
    told = [one for one in events if one.version == tops[one.ticket_id]]
    async with connected(rig.pool) as connection:
        await add_events(connection, [(one, CODEC.encode(one)) for one in events])
    await project(rig, encoded(told))
    assert dict(await rig.ask("SELECT ticket_id, version FROM tickets")) == tops
    assert max(tops.values()) > 3


async def test_poison_an_event_that_never_became_true_is_passed_over_where_it_does_not_follow(rig: Rig) -> None:
    events, refused = many(3), MemoryRejectedInputs()
    async with connected(rig.pool) as connection:
        await add_events(connection, [(one, CODEC.encode(one)) for one in events])
    top = events[-1]
    strays = [
        CODEC.encode(replace(top, version=top.version + 90)),
        CODEC.encode(replace(top, ticket_id=TicketId("T20261122-999999"), version=7)),
        CODEC.encode(
            replace(events[0], version=max(e.version for e in events if e.ticket_id == events[0].ticket_id) + 1)
        ),
        CODEC.encode(replace(events[0], ticket_id=TicketId("T\0"))),
    ]
    await project(rig, [*encoded(events), *strays], replace(READER, keep=refused.keep))
    assert [one.body for one in refused.kept.values()] != []
    assert {one.code for one in refused.kept.values()} == {"stray_event", "nul"}
    assert await rig.ask("SELECT count(*), sum(version) FROM tickets") == [(3, len(events))]


async def test_poison_an_event_that_became_true_and_cannot_be_folded_is_said(rig: Rig) -> None:
    events = many(1)
    again = replace(events[0], version=2)  # opened twice
    async with connected(rig.pool) as connection:
        await add_events(connection, [(one, CODEC.encode(one)) for one in (events[0], again)])
    with pytest.raises(InvariantBroken, match="opened twice"):
        await project(rig, encoded([events[0], again]))


async def test_poison_records_wait_while_the_registry_is_away() -> None:
    asked, refused = list[list[bytes | None]](), MemoryRejectedInputs()

    async def know(values: Iterable[bytes | None]) -> None:
        asked.append(list(values))
        if len(asked) == 1:
            raise Transient("the registry is away")

    reader = EventReader(decode=CODEC.decode, know=know, keep=refused.keep)
    values = encoded(many(1))
    with pytest.raises(Transient):
        await reader.read(standing(values))
    assert len(await reader.read(standing(values))) == len(values)
    assert (asked, refused.kept) == ([values, values], {})
