"""Read models on real parts: kept from the log, built again, and held against it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bus.domain.events import Recorded
from bus.postgres.pool import connected
from bus.postgres.store import add_events
from bus.wire.event_reader import EventReader
from projections.read_model import ReadModel
from projections.read_models import TICKET_MODELS, decoding_once, ticket_stage
from projections.rebuild import RebuildStopped, rebuild
from projections.store import ProjectionHandler
from projections.verify import verify
from tests.bus_under_test import eventually
from tests.projections.told import CODEC, many, records
from tests.stage.rig import PARTITIONS, Rig

TABLES = ("tickets", "device_history", "sla_tickets", "sla_clocks", "ticket_outcomes", "ticket_closures")


def handler_of(model: ReadModel[Any, Any]) -> ProjectionHandler[Any, Any]:
    """Keep a model with the tests' codec."""
    return ProjectionHandler(model, EventReader(decode=CODEC.decode))


async def publish(rig: Rig, events: Sequence[Recorded]) -> None:
    """Write events to the rig's topic as the relay would."""
    await rig.produce_all(records(events, topic=rig.topic, partitions=PARTITIONS))


async def catch_up(rig: Rig) -> None:
    """Bring every read model to the end of the log."""
    await rig.begin(*TICKET_MODELS)
    runner, ends = rig.runner(), await rig.reader.ends(rig.topic, range(PARTITIONS))
    for model in TICKET_MODELS.values():
        await runner.catch_up([handler_of(model)], ends)


async def content(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    """Read all read models whole."""
    query = "SELECT to_jsonb(t)::text FROM {} t ORDER BY 1"
    return {table: await rig.ask(query.format(table)) for table in TABLES}


async def build_again(rig: Rig, name: str) -> int:
    """Rebuild one read model."""
    built = await rebuild(
        handler_of(TICKET_MODELS[name]),
        topic=rig.topic,
        partitions=PARTITIONS,
        pool=rig.pool,
        runner=rig.runner(),
        reader=rig.reader,
    )
    return built.records


async def all_equal(rig: Rig) -> dict[str, bool]:
    """Verify every read model."""
    url = rig.settings.database_url or ""
    found = [one for m in TICKET_MODELS.values() for one in await verify(handler_of(m), url=url, reader=rig.reader)]
    return {one.table: one.equal for one in found}


async def test_rebuild_what_is_built_again_equals_what_lived(rig: Rig) -> None:
    events = many(60)
    await publish(rig, events)
    await catch_up(rig)
    before = await content(rig)
    assert [len(rows) for rows in before.values()] == [60, 60, 60, 120, 60, 12]
    assert await all_equal(rig) == dict.fromkeys(TABLES, True)
    for name in TICKET_MODELS:
        assert await build_again(rig, name) == len(events)
    assert await content(rig) == before


async def test_rebuild_verify_names_what_differs_and_changes_nothing(rig: Rig) -> None:
    await publish(rig, many(10))
    await catch_up(rig)
    (one,), (other,) = await rig.ask("SELECT ticket_id FROM tickets ORDER BY 1 LIMIT 2")
    await rig.ask("UPDATE tickets SET title = '改' WHERE ticket_id = %s RETURNING 1", one)
    await rig.ask("DELETE FROM tickets WHERE ticket_id = %s RETURNING 1", other)
    await rig.ask("UPDATE sla_clocks SET lease_until = now() RETURNING 1")  # the timer's own: no difference
    before = await content(rig)
    url = rig.settings.database_url or ""
    (found,) = await verify(handler_of(TICKET_MODELS["tickets"]), url=url, reader=rig.reader)
    assert (found.equal, found.rows, found.rebuilt_rows) == (False, 9, 10)
    assert found.differences == ((one, "different"), (other, "only rebuilt"))
    assert (await all_equal(rig))["sla_clocks"]
    assert await content(rig) == before


async def test_rebuild_while_the_worker_runs_loses_and_repeats_nothing(rig: Rig) -> None:
    events = many(80)
    half = len(events) // 2
    await publish(rig, events[:half])
    whole = ticket_stage(decoding_once(EventReader(decode=CODEC.decode)), namespace="")
    rig.work(*whole.handlers)

    async def at_the_end() -> bool:
        ends = await rig.reader.ends(rig.topic, range(PARTITIONS))
        standing = [await rig.standing(name) for name in TICKET_MODELS]
        return all({p: one.next_offset for p, one in rows.items()} == dict(ends) for rows in standing)

    await eventually(at_the_end)
    await build_again(rig, "tickets")
    await rig.produce_all(records(events, topic=rig.topic, partitions=PARTITIONS)[half:])
    await build_again(rig, "history")
    await eventually(at_the_end)
    assert len(await rig.ask("SELECT 1 FROM tickets")) == 80
    assert all((await all_equal(rig)).values())


async def test_rebuild_that_a_broken_event_stops_says_which(rig: Rig) -> None:
    opened = many(1)[0]
    again = replace(opened, version=2)
    async with connected(rig.pool) as connection:
        await add_events(connection, [(one, CODEC.encode(one)) for one in (opened, again)])
    await publish(rig, [opened, again])
    with pytest.raises(RebuildStopped, match="opened twice"):
        await build_again(rig, "tickets")
