"""A topic that was made anew: its offsets count anew, so its handlers stand still until they are reset."""

from functools import partial

import pytest

from bus.domain.errors import KafkaUnavailable
from bus.postgres.pool import connected
from bus.stage import offsets, stall
from projections.lag import Health, lags, log_ends
from tests.bus_under_test import eventually
from tests.stage.rig import PARTITIONS, Counting, Rig
from tests.stage.test_worker import has


async def test_topic_anew_a_log_that_ends_before_the_offset_stops_the_stage_and_says_so(rig: Rig) -> None:
    await rig.produce_many(3)
    await rig.begin("counting")
    await rig.ask("UPDATE stage_offsets SET next_offset = 99 WHERE partition = 1 RETURNING 1")
    rig.work(Counting())

    async def said() -> bool:
        return "the log ends at 3" in ((await rig.standing())[1].failure or "")

    await eventually(said)
    await eventually(has(rig, 6))


@pytest.mark.parametrize(
    "running",
    [
        pytest.param(True, marks=pytest.mark.faults, id="while the worker runs"),
        pytest.param(False, id="while none runs"),
    ],
)
async def test_topic_anew_one_that_is_longer_already_stops_the_stage_until_it_is_reset(
    rig: Rig, *, running: bool
) -> None:
    stop = rig.work(Counting())
    await rig.produce_many(3)
    await eventually(has(rig, 9))
    if not running:
        await stop()
    await rig.make_topic_anew()
    await rig.produce_many(5, "new")
    if not running:
        rig.work(Counting())

    async def said() -> bool:
        found = [one.failure or "" for one in (await rig.standing()).values()]
        return all("made anew" in one and "stage reset counting" in one for one in found)

    await eventually(said, within_s=90)
    assert await rig.effects() == 9
    async with connected(rig.pool) as connection:
        await connection.execute("DELETE FROM effects")  # its key is the offset, where a real handler goes by event
        assert await offsets.reset(connection, "counting") == PARTITIONS
    await eventually(has(rig, 15), within_s=90)
    assert {one.next_offset for one in (await rig.standing()).values()} == {5}


async def test_topic_that_is_gone_stops_the_stage_until_it_is_there_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "WITHIN_S", 1.0)
    rig.work(Counting())
    await rig.produce_many(3)
    await eventually(has(rig, 9))
    before = await rig.reader.topic_id(rig.topic)
    admin = await rig.delete_topic()

    async def failures(text: str) -> bool:
        return all(text in (one.failure or "") for one in (await rig.standing()).values())

    await eventually(partial(failures, f"again: no topic {rig.topic}: ticketbus"), within_s=60)
    assert [(one.rule, one.about) for one in rig.found] == [("stage_stopped", "rig")]
    listed = await lags(rig.reader, list((await rig.standing()).values()))
    assert {(one.state, one.lag) for one in listed} == {(Health.STOPPED, 0)}
    await rig.ask("UPDATE stage_offsets SET failure = NULL RETURNING 1")  # as where no worker has said it
    listed = await lags(rig.reader, list((await rig.standing()).values()))
    assert all((one.failure or "").startswith("no topic ") for one in listed)
    with pytest.raises(KafkaUnavailable, match="no topic"):
        await log_ends(rig.reader, list((await rig.standing()).values()))
    await rig.create_topic(admin, other_than=before)
    await eventually(partial(failures, "made anew"), within_s=60)


async def test_topic_anew_offsets_of_an_earlier_version_count_in_the_topic_that_is_there(rig: Rig) -> None:
    await rig.produce_many(3)
    await rig.begin("counting")
    await rig.ask("UPDATE stage_offsets SET next_offset = 2, topic_id = NULL RETURNING 1")
    rig.work(Counting())
    await eventually(has(rig, PARTITIONS))
    ids = {one.topic_id for one in (await rig.standing()).values()}
    assert ids == {await rig.reader.topic_id(rig.topic)}
