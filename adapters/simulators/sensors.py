"""Devices that send readings to an MQTT broker, bad habits included: they flap, fall silent, and send what is none."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import orjson
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

from adapters.simulators.fault_switches import FaultSwitches
from adapters.simulators.faulty_server import AnswerWay, FaultyServer, SimulatedAnswer, SimulatedRequest
from adapters.simulators.sensor_faults import SensorFault
from adapters.simulators.switches import Switches, switch_name, switch_names
from bus.aio import cancel_all

NORMAL, HOT, LIMIT = 60.0, 95.0, 80.0
SENT_S_MAX: Final = 30.0
HUGE_BYTES: Final = 10_000_000
BATCHED: Final = 10


def reading(device: str, value: Any, at: datetime) -> dict[str, Any]:
    """Give a reading as these devices spell it."""
    return {"device": device, "celsius": value, "at": at.isoformat(timespec="seconds"), "site": "上海一厂"}


@dataclass(slots=True, kw_only=True)
class SensorSimulator:
    """So many devices, `pump-1` and on, each with a reading every `every_s` while `serving()` is open.

    `sent` counts the messages of each device that the broker took, `faults_shown` those with each fault. Switches
    answer at SWITCH_PATH of `port`; a fault's `only` names devices.
    """

    broker: str = "127.0.0.1"
    broker_port: int = 1883
    devices: int = 10
    every_s: float = 1.0
    login: tuple[str, str] | None = None
    port: int = 0
    faults: FaultSwitches[SensorFault] = field(default_factory=FaultSwitches)
    sent: Counter[str] = field(default_factory=Counter)
    faults_shown: Counter[str] = field(default_factory=Counter)
    seen: Any = None
    _rounds: int = 0

    @property
    def url(self) -> str:
        """Where its switches answer."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def names(self) -> list[str]:
        """List its devices."""
        return [f"pump-{n}" for n in range(1, self.devices + 1)]

    @property
    def switches(self) -> Switches:
        """Give its switches."""
        return Switches(
            faults=switch_names(SensorFault),
            turn=lambda turn: self.faults.turn_on(_fault(turn.fault), times=turn.times, only=turn.only),
            heal=self.faults.turn_off,
            state=lambda: {"on": self.faults.names, "sent": sum(self.sent.values()), "shown": dict(self.faults_shown)},
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Send until it is closed. Raises OSError where the broker is away at the start."""
        client = self.client("ticketbus-simulated-sensors")
        try:
            await asyncio.to_thread(client.connect, self.broker, self.broker_port)
        except OSError as error:
            raise OSError(error.errno, f"MQTT broker {self.broker}:{self.broker_port}: {error.strerror}") from error
        client.loop_start()
        server = FaultyServer(answer=_nothing, port=self.port, byte_pause_s=0.05, switches=self.switches)
        try:
            async with server.serving():
                self.port = server.port
                sending = asyncio.create_task(self._send(client))  # it begins once whoever holds us waits
                try:
                    yield self
                finally:
                    await cancel_all([sending])
        finally:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    def client(self, client_id: str) -> Client:
        """Make a client of the broker, logged in as the devices are."""
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        client.max_inflight_messages_set(1_000)
        client.max_queued_messages_set(100_000)
        if self.login:
            client.username_pw_set(*self.login)
        return client

    def round(self, client: Client) -> list[MQTTMessageInfo]:
        """Have each device send once; gives what the broker has still to acknowledge."""
        self._rounds += 1
        waiting = list[MQTTMessageInfo]()
        for device in self.names:
            fault = self.faults.next_at(device)
            if fault:
                self.faults_shown[switch_name(fault)] += 1
            for payload in self._payloads(device, fault):
                retained = fault is SensorFault.RETAINED
                waiting.append(client.publish(f"plant/sh1/{device}/up", payload, qos=1, retain=retained))
                self.sent[device] += 1
        return waiting

    async def _send(self, client: Client) -> None:
        while True:
            waiting = self.round(client)
            await asyncio.to_thread(self._wait, waiting)
            if self.seen:
                self.seen(f"{len(waiting)} messages {self.faults.names or ''}")
            await asyncio.sleep(self.every_s)

    def _wait(self, waiting: list[MQTTMessageInfo]) -> None:
        for one in waiting:
            with suppress(RuntimeError, ValueError):  # the broker is away: paho keeps it, and sends it then
                one.wait_for_publish(SENT_S_MAX)

    def _payloads(self, device: str, fault: SensorFault | None) -> list[bytes]:
        now = datetime.now(UTC)
        normal = reading(device, NORMAL, now)
        match fault:
            case SensorFault.HOT | SensorFault.RETAINED:
                return [orjson.dumps(reading(device, HOT, now))]
            case SensorFault.FLAP:
                return [orjson.dumps(reading(device, HOT if self._rounds % 2 else NORMAL, now))]
            case SensorFault.SILENT:
                return []
            case SensorFault.NOT_A_NUMBER:
                return [orjson.dumps(normal).replace(b"60.0", b"NaN")]
            case SensorFault.AS_TEXT:
                return [orjson.dumps({**normal, "celsius": str(HOT)})]
            case SensorFault.WITH_UNIT:
                return [orjson.dumps({**normal, "celsius": "95.0 °C"})]
            case SensorFault.GBK:
                return [orjson.dumps(normal).decode().encode("gbk")]
            case SensorFault.HUGE:
                return [orjson.dumps({**normal, "log": "x" * HUGE_BYTES})]
            case SensorFault.CLOCK_AHEAD:
                return [orjson.dumps(reading(device, HOT, now + timedelta(days=1)))]
            case SensorFault.TWICE:
                return [orjson.dumps(normal)] * 2
            case SensorFault.BATCH:
                return [orjson.dumps([reading(device, NORMAL, now) for _ in range(BATCHED)])]
            case None:
                return [orjson.dumps(normal)]


def map_of(
    simulator: SensorSimulator, *, name: str = "sensors", more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Give a map that reads these devices: a ticket for one that is too hot, and for one that is silent."""
    transport = {
        "kind": "mqtt",
        "broker": simulator.broker,
        "port": simulator.broker_port,
        "topics": ["plant/{site}/{device}/up"],
        "device": "_topic.device",
        "alarms": [
            {"cause": "hot", "value": "celsius", "above": LIMIT, "back_below": 75, "back_for_s": 60},
            {"cause": "silent", "silent_s": 60, "back_for_s": 60},
        ],
        **(more or {}),
    }
    key = f"join('-', ['{name}', _alarm.device, _alarm.cause])"
    opens = {
        "incident_key": {"kind": {"value": "order"}, "value": key},
        "title": "join(' ', [_alarm.device, _alarm.cause])",
        "type": {"value": "hardware_fault"},
        "region": "_topic.site",
        "serial": "_alarm.device",
    }
    note = "join('', ['已恢复 back, times it came again: ', to_string(_alarm.times)])"
    return {
        "source": name,
        "transport": transport,
        "number": "_alarm.number",
        "commands": [
            {"command": "open-ticket", "when": "_alarm.state == 'open'", "fields": opens},
            {"command": "note", "when": "_alarm.state == 'over'", "fields": {"text": note}},
        ],
    }


def _fault(name: str) -> SensorFault:
    return next(one for one in SensorFault if switch_name(one) == name)


def _nothing(_: SimulatedRequest) -> SimulatedAnswer:
    return SimulatedAnswer(content=b"{}", way=AnswerWay.WHOLE)
