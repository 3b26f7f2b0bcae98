"""A worker reads devices over a real MQTT broker: one ticket per device and cause, closed when the value is back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import yaml
from paho.mqtt.client import Client

from adapters.simulators.sensor_faults import SensorFault
from adapters.simulators.sensors import SensorSimulator, map_of
from bus.domain.batch import Accepted
from bus.domain.commands import Assign, Request
from bus.domain.events import NoteAdded
from bus.domain.terms import CommandId, TicketId, TraceId
from bus.domain.values import Assignee
from bus.local.stack import Urls
from schemas.catalogue import EVENT_TYPES
from tests.bus_under_test import Bus, bus_on, eventually
from tests.mapped.mqtt_broker import LOGIN, MqttBroker

WHO = ("--by", "张工", "--why", "接入")
HOT = {"cause": "hot", "value": "celsius", "above": 80, "back_below": 75, "back_for_s": 1}
ENGINEER = {
    "role": {"value": "field_engineer"}, "person": {"value": "张伟"}, "contact": {"value": "13700000001"},
    "backup_person": {"value": "陈静"}, "backup_contact": {"value": "13700000002"},
}  # fmt: skip
CLOSES = "_alarm.closes"
NOTE = next(one.ce_type for one in EVENT_TYPES if one.cls is NoteAdded)
STEPS: list[dict[str, Any]] = [
    {"command": "assign", "when": CLOSES, "fields": {"assignee": ENGINEER}},
    {"command": "start", "when": CLOSES, "fields": {"substate": {"value": "remote_diagnosis"}}},
    {
        "command": "resolve",
        "when": CLOSES,
        "fields": {
            "summary": {"value": "测量值已恢复"},
            "root_cause": {"value": "environment"},
            "photos": {"value": "https://charts.example.cn/plant"},
        },
    },
    {"command": "request-closure", "when": CLOSES},
    {
        "command": "confirm-closure",
        "when": CLOSES,
        "fields": {
            "confirmed_by": {"value": "李主任"},
            "ticks": {"from": "['fully_solved', 'no_side_risk', 'no_follow_up']"},
        },
    },
]


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus_on(parts, tmp_path_factory.mktemp("mqtt")) as made:
        made.environment["SENSORS_LOGIN"] = ":".join(LOGIN)
        made.start("worker")
        yield made
        assert made.stop("worker") == 0, made.last_words("worker")


@pytest.fixture
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MqttBroker]:
    async with MqttBroker(folder=tmp_path_factory.mktemp("broker")).running() as running:
        yield running


@asynccontextmanager
async def devices(broker: MqttBroker, count: int) -> AsyncIterator[tuple[SensorSimulator, Client]]:
    simulator = SensorSimulator(broker_port=broker.port, devices=count, login=LOGIN)
    client = simulator.client("devices")
    await asyncio.to_thread(client.connect, simulator.broker, simulator.broker_port)
    client.loop_start()
    try:
        yield simulator, client
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


async def send(simulator: SensorSimulator, client: Client) -> None:
    """Have each device send once, and wait until the broker has it."""
    for one in simulator.round(client):
        await asyncio.to_thread(one.wait_for_publish, 30)


async def apply(bus: Bus, name: str, broker: MqttBroker, *alarms: dict[str, Any], **more: Any) -> None:
    simulator = SensorSimulator(broker_port=broker.port)
    steps = more.pop("steps", [])
    mapped = map_of(simulator, name=name, more={"alarms": list(alarms), "login": "SENSORS_LOGIN", **more})
    mapped["commands"] += steps
    file = bus.folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(mapped, allow_unicode=True))
    done = await asyncio.to_thread(bus.run, "map", "apply", str(file), *WHO)
    assert done.returncode == 0, done.stderr
    await reads(bus, name)


async def assign(bus: Bus, ticket: str) -> None:
    """Have somebody take a ticket up."""
    who = Assignee(role="field_engineer", person="王强", contact="801", backup_person="陈静", backup_contact="802")
    now = datetime.now(UTC)
    request = Request(
        command_id=CommandId(uuid4()), command=Assign(assignee=who), source="console", actor="调度", at=now,
        received_at=now, trace_id=TraceId(uuid4().hex), fingerprint="x", ticket_id=TicketId(ticket),
    )  # fmt: skip
    async with bus.core() as core:
        (outcome,) = await core.dispatcher.dispatch([request])
    assert isinstance(outcome, Accepted), outcome


def connections(bus: Bus, name: str) -> list[str]:
    """Give the lines in which a worker, since its start, says that it has the session."""
    lines = bus.log_since_start("worker").splitlines()
    return [line for line in lines if "mqtt_connected" in line and f'"{name}"' in line]


async def reads(bus: Bus, name: str, after: int = 0) -> None:
    """Wait until a worker has the session: what is sent from now on is kept for it."""

    async def said() -> bool:
        return len(connections(bus, name)) > after

    await eventually(said, what=lambda: bus.last_words("worker"))


async def trouble(bus: Bus, text: str) -> None:
    """Wait until the worker's heartbeat says it."""

    async def said() -> bool:
        parts = "SELECT parts->>'source maps' FROM programs WHERE program = 'worker' AND stopped_at IS NULL"
        return any(text in (why or "") for (why,) in bus.query(parts))

    await eventually(said, what=lambda: bus.last_words("worker"))


def tickets(bus: Bus, name: str) -> list[tuple[str, str]]:
    return bus.query(
        "SELECT state->>'source_no', state->>'state' FROM ticket_states WHERE state->>'source' = %s ORDER BY 1", name
    )


async def until(bus: Bus, name: str, states: dict[str, int]) -> list[tuple[str, str]]:
    """Wait until a source has so many tickets in each state, and give them."""

    def now() -> dict[str, int]:
        found = [state for _, state in tickets(bus, name)]
        return {state: found.count(state) for state in sorted(set(found))}

    async def there() -> bool:
        return now() == states

    await eventually(there, what=lambda: f"{now()} {bus.last_words('worker')}")
    return tickets(bus, name)


async def test_mqtt_a_hundred_flapping_devices_give_a_hundred_tickets_and_close_their_own(
    bus: Bus, broker: MqttBroker
) -> None:
    await apply(bus, "flap", broker, HOT, steps=STEPS)
    async with devices(broker, 100) as (simulator, client):
        simulator.faults.turn_on(SensorFault.FLAP)
        for _ in range(8):
            await send(simulator, client)
        numbers = await until(bus, "flap", {"pending": 100})
        simulator.faults.turn_off()

        async def over() -> bool:
            await send(simulator, client)
            return all(state == "closed" for _, state in tickets(bus, "flap"))

        await eventually(over)
    assert [number for number, _ in tickets(bus, "flap")] == [number for number, _ in numbers]
    assert bus.query("SELECT count(*) FROM refused_inputs WHERE source = 'flap'") == [(0,)]


async def test_mqtt_a_ticket_that_people_have_is_not_closed_and_gets_a_note(bus: Bus, broker: MqttBroker) -> None:
    await apply(bus, "held", broker, HOT, steps=STEPS)
    async with devices(broker, 2) as (simulator, client):
        simulator.faults.turn_on(SensorFault.HOT)
        await send(simulator, client)
        await until(bus, "held", {"pending": 2})
        ((ticket,),) = bus.query(
            "SELECT ticket_id FROM ticket_states WHERE state->>'source' = 'held' AND state->>'source_no' LIKE %s",
            "pump-1/%",
        )
        await assign(bus, ticket)
        simulator.faults.turn_off()

        async def over() -> bool:
            await send(simulator, client)
            return bool(bus.query("SELECT 1 FROM events WHERE ticket_id = %s AND ce_type = %s", ticket, NOTE))

        await eventually(over)
        await until(bus, "held", {"assigned": 1, "closed": 1})


async def test_mqtt_a_broker_that_is_away_is_no_silence_and_is_read_again(
    bus: Bus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = MqttBroker(folder=tmp_path_factory.mktemp("away"))
    async with place.running():
        await apply(bus, "away", place, HOT, {"cause": "silent", "silent_s": 2})
        async with devices(place, 3) as (simulator, client):
            await send(simulator, client)
    await trouble(bus, "away: ")
    bus.query("UPDATE sensor_alarms SET seen_at = seen_at - interval '1 hour' WHERE source = 'away' RETURNING 1")
    seen = len(connections(bus, "away"))
    async with place.running(), devices(place, 3) as (simulator, client):
        await reads(bus, "away", after=seen)
        simulator.faults.turn_on(SensorFault.HOT, only=["pump-2"])
        await send(simulator, client)
        ((number, _),) = await until(bus, "away", {"pending": 1})
    assert number.startswith("pump-2/hot/")


async def test_mqtt_a_killed_worker_loses_and_repeats_nothing_that_the_broker_keeps(
    bus: Bus, broker: MqttBroker
) -> None:
    await apply(bus, "killed", broker, {**HOT, "back_for_s": 600}, version="5", port=broker.port_5)
    async with devices(broker, 40) as (simulator, client):
        simulator.faults.turn_on(SensorFault.HOT, only=simulator.names[:20])
        sending = asyncio.create_task(send(simulator, client))
        await asyncio.to_thread(bus.stop, "worker", signal.SIGKILL)
        await sending
        simulator.faults.turn_off()
        simulator.faults.turn_on(SensorFault.HOT, only=simulator.names[20:])
        await send(simulator, client)  # nobody reads: the broker keeps it
        bus.end_sessions()
        bus.query("UPDATE source_cursors SET due_at = now() RETURNING 1")  # else the dead worker's turn lasts 30 s
        bus.start("worker")
        numbers = await until(bus, "killed", {"pending": 40})
        assert len({number.partition("/")[0] for number, _ in numbers}) == 40

    async def handed_over() -> bool:
        return bus.query("SELECT count(*) FROM sensor_news") == [(0,)]

    await eventually(handed_over)


async def test_mqtt_what_is_no_reading_is_kept_once_and_opens_nothing(bus: Bus, broker: MqttBroker) -> None:
    await apply(bus, "garbage", broker, HOT)
    bad = {
        SensorFault.NOT_A_NUMBER: "not_json", SensorFault.WITH_UNIT: "not_a_number", SensorFault.GBK: "not_utf8",
        SensorFault.HUGE: "too_large",
    }  # fmt: skip
    async with devices(broker, len(bad) + 2) as (simulator, client):
        *names, as_text, clock = simulator.names
        for name, fault in zip(names, bad, strict=True):
            simulator.faults.turn_on(fault, times=2, only=[name])
        simulator.faults.turn_on(SensorFault.AS_TEXT, only=[as_text])
        simulator.faults.turn_on(SensorFault.CLOCK_AHEAD, only=[clock])
        for _ in range(2):
            await send(simulator, client)
        numbers = await until(bus, "garbage", {"pending": 2})
    assert [number.partition("/")[0] for number, _ in numbers] == [as_text, clock]

    async def kept() -> bool:
        rows = bus.query("SELECT code FROM refused_inputs WHERE source = 'garbage' ORDER BY code")
        return [code for (code,) in rows] == sorted(bad.values())

    await eventually(kept)
    assert bus.query("SELECT count(*) FROM letters WHERE origin = 'webhook:garbage'") == [(0,)]


async def test_mqtt_what_the_broker_kept_of_before_is_no_reading(bus: Bus, broker: MqttBroker) -> None:
    async with devices(broker, 2) as (simulator, client):
        simulator.faults.turn_on(SensorFault.RETAINED, only=["pump-1"])
        await send(simulator, client)
        simulator.faults.turn_off()
        await apply(bus, "retained", broker, HOT)
        simulator.faults.turn_on(SensorFault.HOT, only=["pump-2"])
        await send(simulator, client)
    ((number, _),) = await until(bus, "retained", {"pending": 1})
    assert number.startswith("pump-2/")
