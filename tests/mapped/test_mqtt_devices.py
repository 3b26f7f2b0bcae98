"""Alarms of devices on a real database, without a broker: what a program leaves that ends in between, and storms."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, cast

import orjson
import pytest
import yaml

from adapters.mapped.mqtt_session import MqttAway, MqttSession
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.read_map import read_map
from adapters.mapped.readings import MqttMessage
from adapters.mapped.source import MappedSource
from adapters.simulators.sensors import HOT, NORMAL, SensorSimulator, map_of
from bus.app import Core
from bus.domain.errors import StoreUnavailable
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.programs import mqtt_source
from bus.programs.mqtt_source import MqttDevices
from bus.programs.pulled_sources import Taker
from tests.bus_under_test import Bus, bus_on

TOO_HOT = {"cause": "hot", "value": "celsius", "above": 80, "back_for_s": 0}
SILENT = {"cause": "silent", "silent_s": 60, "back_for_s": 0}


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus_on(parts, tmp_path_factory.mktemp("devices")) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    async with bus.core() as opened:
        yield opened


class BrokenTaker(Taker):
    """Takes documents in, or fails: before it or after it."""

    before = after = False

    async def take(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """Take them in between two chances to fail."""
        if self.before:
            raise StoreUnavailable("before")
        await super().take(documents)
        if self.after:
            raise StoreUnavailable("after")


def devices(core: Core, name: str, *alarms: dict[str, Any], **more: Any) -> tuple[MqttDevices, BrokenTaker]:
    """Make what a worker has that has just started."""
    mapped = map_of(SensorSimulator(), name=name, more={"alarms": list(alarms), **more})
    source = MappedSource(read_map(yaml.safe_dump(mapped)), 1, {})
    transport, taker = source.map.transport, BrokenTaker(core=core, source=source)
    assert isinstance(transport, Mqtt)
    return MqttDevices(core, source, transport, taker), taker


def sent(celsius: float, count: int = 1) -> list[MqttMessage]:
    """Give a message of each device."""
    payload = orjson.dumps({"celsius": celsius})
    return [
        MqttMessage(topic=f"plant/sh1/p-{n}/up", payload=payload, qos=1, mid=n, retained=False, bytes=len(payload))
        for n in range(count)
    ]


def versions(bus: Bus, name: str) -> list[int]:
    rows = bus.query("SELECT version FROM ticket_states WHERE state->>'source' = %s ORDER BY ticket_id", name)
    return [version for (version,) in rows]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_devices_what_a_program_left_that_ended_is_taken_in_once_by_the_next(
    bus: Bus, core: Core, when: str
) -> None:
    name = f"left-{when}"
    ending, taker = devices(core, name, TOO_HOT)
    setattr(taker, when, True)
    with pytest.raises(StoreUnavailable):
        await ending.take(sent(HOT, 3))
    assert versions(bus, name) == ([] if when == "before" else [1, 1, 1])
    following, _ = devices(core, name, TOO_HOT)
    await following.take(sent(HOT, 3))  # the broker hands out again what was not acknowledged
    await following.take(sent(NORMAL, 3))
    assert versions(bus, name) == [2, 2, 2]  # opened, and the note that it is over
    assert bus.query("SELECT count(*) FROM sensor_news WHERE source = %s", name) == [(0,)]
    assert bus.query("SELECT count(*) FROM refused_inputs WHERE source = %s", name) == [(0,)]


class HandedOut:
    """A session that hands out some messages once, and ends."""

    idle, connected_at = True, 0.0

    def __init__(self, messages: list[MqttMessage]) -> None:
        self.waiting, self.acknowledged = [messages], list[MqttMessage]()

    async def batch(self, _most: int, _within_s: float) -> list[MqttMessage]:
        """Give them; after that it is away."""
        if not self.waiting:
            raise MqttAway("it ended")
        return self.waiting.pop()

    def acknowledge(self, messages: list[MqttMessage]) -> None:
        """Note what was acknowledged."""
        self.acknowledged += messages


async def test_devices_messages_are_acknowledged_once_they_are_taken_in_and_not_before(bus: Bus, core: Core) -> None:
    for fails in (True, False):
        session = HandedOut(sent(HOT, 3))
        reading, taker = devices(core, "acknowledged", TOO_HOT)
        taker.before = fails
        with pytest.raises(StoreUnavailable if fails else MqttAway):
            await reading.read(cast("MqttSession", session), lambda *_: None)
        assert len(session.acknowledged) == (0 if fails else 3)
    assert versions(bus, "acknowledged") == [1, 1, 1]


async def test_devices_an_alarm_that_comes_again_opens_another_ticket(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "again", TOO_HOT)
    for celsius in (HOT, NORMAL, HOT, HOT, NORMAL):
        await reading.take(sent(celsius))
    # Within 15 minutes it is the same incident to the bus: the second report joins the ticket that is still open.
    assert versions(bus, "again") == [4]


async def forget(core: Core, name: str, devices: int) -> None:
    """Let the first so many devices be silent for two minutes."""
    async with connected(core.pool) as connection:
        await connection.execute(
            "UPDATE sensor_alarms SET seen_at = now() - interval '2 minutes' WHERE source = %s AND device = ANY(%s)",
            (name, [f"p-{n}" for n in range(devices)]),
        )


async def test_devices_that_fall_silent_open_once_each_but_not_all_at_once(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "silent", SILENT)
    await reading.take(sent(NORMAL, 40))
    await forget(core, "silent", 15)
    assert await reading.look_for_silence(59.0) == ""  # connected for less than a device may be silent
    assert versions(bus, "silent") == []
    for _ in range(2):
        assert await reading.look_for_silence(61.0) == ""
    assert versions(bus, "silent") == [1] * 15
    await reading.take(sent(NORMAL, 40))
    assert versions(bus, "silent") == [2] * 15
    await forget(core, "silent", 30)
    why = await reading.look_for_silence(61.0)
    assert why.startswith("silent: 30 of 40 devices fell silent at once")
    assert versions(bus, "silent") == [2] * 15


def wait(bus: Bus, name: str, seconds: int) -> None:
    """Let the phases of a source's alarms have begun so much earlier."""
    query = "UPDATE sensor_alarms SET since = since - make_interval(secs => %s) WHERE source = %s RETURNING 1"
    bus.query(query, seconds, name)


async def test_devices_that_send_only_what_changes_open_and_end_by_the_clock(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "changes", {**TOO_HOT, "for_s": 60, "back_for_s": 60})
    for celsius, before, after in ((HOT, [], [1] * 3), (NORMAL, [1] * 3, [2] * 3)):
        await reading.take(sent(celsius, 3))
        await reading.step_by_clock(61.0)
        assert versions(bus, "changes") == before  # it is not so for long enough
        wait(bus, "changes", 61)
        await reading.step_by_clock(59.0)
        assert versions(bus, "changes") == before  # connected for less than it must be so
        for _ in range(2):
            await reading.step_by_clock(61.0)
        assert versions(bus, "changes") == after
    assert bus.query("SELECT DISTINCT phase FROM sensor_alarms WHERE source = 'changes'") == [("quiet",)]


async def test_devices_by_the_clock_wait_for_readings_and_for_the_time_between_alarms(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "waits", {**TOO_HOT, "readings": 2, "again_after_s": 60})
    for celsius in (HOT, HOT, NORMAL, HOT):
        await reading.take(sent(celsius))
    await reading.step_by_clock(600.0)
    assert versions(bus, "waits") == [2]
    bus.query("UPDATE sensor_alarms SET ended_at = now() - interval '61 s' WHERE source = 'waits' RETURNING 1")
    await reading.step_by_clock(600.0)
    assert versions(bus, "waits") == [2]  # a reading is missing, and time makes none
    bus.query("UPDATE sensor_alarms SET ended_at = now() WHERE source = 'waits' RETURNING 1")
    await reading.take(sent(HOT))
    await reading.step_by_clock(600.0)
    assert versions(bus, "waits") == [2]
    bus.query("UPDATE sensor_alarms SET ended_at = now() - interval '61 s' WHERE source = 'waits' RETURNING 1")
    await reading.step_by_clock(600.0)
    assert versions(bus, "waits") == [3]


async def test_devices_that_are_not_due_keep_no_batch_from_those_that_are(
    bus: Bus, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, _ = devices(core, "due", {**TOO_HOT, "readings": 2, "for_s": 60})
    await reading.take(sent(HOT, 3))
    await reading.take(sent(HOT, 3)[1:])
    wait(bus, "due", 61)
    bus.query(
        """
        UPDATE sensor_alarms SET since = since - interval '1 h', ended_at = CASE device WHEN 'p-1' THEN now() END
        WHERE source = 'due' AND device <> 'p-2' RETURNING 1"""
    )
    monkeypatch.setattr(mqtt_source, "BATCH", 1)
    again, _ = devices(core, "due", {**TOO_HOT, "readings": 2, "for_s": 60, "again_after_s": 60})
    await again.step_by_clock(61.0)
    assert bus.query("SELECT device FROM sensor_alarms WHERE source = 'due' AND phase = 'open'") == [("p-2",)]


async def test_devices_a_session_in_which_nothing_comes_steps_by_the_clock(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "idle", {**TOO_HOT, "back_for_s": 1})
    for celsius in (HOT, NORMAL):
        await reading.take(sent(celsius))
    session = HandedOut([])

    def well(_: str) -> None:
        if versions(bus, "idle") != [2]:
            session.waiting.append([])

    async with asyncio.timeout(30):
        with pytest.raises(MqttAway):
            await reading.read(cast("MqttSession", session), well)


async def test_devices_behind_one_gateway_that_fall_due_one_after_the_other_open_nothing(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "gateway", SILENT)
    await reading.take(sent(NORMAL, 40))

    async def heard(*, ago_s: int) -> None:
        """Let the first device be heard so long ago, and each other half a second later than the one before it."""
        async with connected(core.pool) as connection:
            await connection.execute(
                "UPDATE sensor_alarms SET seen_at = now()"
                " - make_interval(secs => %s - split_part(device, '-', 2)::int / 2.0) WHERE source = 'gateway'",
                (ago_s,),
            )

    for ago_s in (59, 61, 63, 70, 90):
        await heard(ago_s=ago_s)
        why = await reading.look_for_silence(61.0)
        assert why.startswith("silent: 40 of 40 devices fell silent at once") is (ago_s > 60)
    assert versions(bus, "gateway") == []
    await reading.take(sent(NORMAL, 40))
    await forget(core, "gateway", 1)
    assert await reading.look_for_silence(61.0) == ""
    assert versions(bus, "gateway") == [1]


async def test_devices_beyond_the_most_are_passed_over(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "many", TOO_HOT, devices_max=3)
    await reading.take(sent(HOT, 10))
    assert versions(bus, "many") == [1] * 3
    following, _ = devices(core, "many", TOO_HOT, devices_max=3)
    await following.go_on()
    await following.take(sent(NORMAL, 10))
    assert versions(bus, "many") == [2] * 3


async def test_devices_without_alarms_each_message_is_a_document(bus: Bus, core: Core) -> None:
    mapped = map_of(SensorSimulator(), name="plain", more={"alarms": [], "device": None})
    key = "join('-', ['plain', _topic.device])"
    fields = {"incident_key": {"kind": {"value": "order"}, "value": key}, "title": "_topic.device",
              "type": {"value": "hardware_fault"}}  # fmt: skip
    mapped |= {
        "number": "_topic.device",
        "delivery_id": {"field": "_topic.device"},
        "commands": [{"command": "open-ticket", "fields": fields}],
    }
    source = MappedSource(read_map(yaml.safe_dump(mapped)), 1, {})
    assert isinstance(source.map.transport, Mqtt)
    reading = MqttDevices(core, source, source.map.transport, Taker(core=core, source=source))
    for _ in range(2):
        await reading.take(sent(HOT, 2))
    assert versions(bus, "plain") == [1, 1]


async def test_devices_of_what_is_no_reading_one_an_hour_is_kept(bus: Bus, core: Core) -> None:
    reading, _ = devices(core, "bad", TOO_HOT)
    bad = [MqttMessage(topic=f"plant/sh1/p-{n}/up", payload=b"\xff", qos=1, mid=1, retained=False, bytes=1)
           for n in range(mqtt_source.KEPT_MAX + 50)]  # fmt: skip
    for _ in range(2):
        await reading.take(bad)
    assert bus.query("SELECT count(*) FROM refused_inputs WHERE source = 'bad'") == [(mqtt_source.KEPT_MAX,)]
