"""`ticketbus simulate sensors` on a real broker: what it sends is read by the map that it prints."""

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from adapters.adapter import EnvironmentSecrets
from adapters.mapped.mqtt_session import open_session
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.read_map import read_map
from adapters.mapped.readings import MqttMessage
from adapters.simulators.sensor_faults import SensorFault
from adapters.simulators.sensors import SensorSimulator
from adapters.simulators.switches import Turn, switch_names
from bus.cli import simulate
from tests.cli.test_simulate import PATIENCE_S, simulating, switch
from tests.mapped.mqtt_broker import LOGIN, MqttBroker


async def test_simulate_sensors_send_to_a_broker_and_print_a_map_that_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORS_LOGIN", ":".join(LOGIN))
    async with MqttBroker(folder=tmp_path).running() as broker:
        address = f"127.0.0.1:{broker.port}"
        arguments = ("--broker", address, "--devices", "4", "--every", "0.05", "--switch", "hot=1@pump-2")
        async with simulating("sensors", *arguments) as printed:
            transport = read_map(printed.targets).transport
            assert isinstance(transport, Mqtt)
            secrets = EnvironmentSecrets(environment=os.environ, where="map")
            async with open_session(transport, "reader", secrets) as session:
                found = list[MqttMessage]()
                while len({one.topic for one in found}) < 4:
                    batch = await session.batch(100, PATIENCE_S)
                    session.acknowledge(batch)
                    found += batch
            state = (await switch(printed, fault="silent", only=["pump-1"])).json()
            assert (state["on"], state["shown"]["hot"]) == (["silent"], 1)
            assert (await switch(printed, fault="silnet")).status_code == 400
    assert {one.topic for one in found} == {f"plant/sh1/pump-{n}/up" for n in range(1, 5)}


def test_simulate_sensors_lists_every_switch_in_its_help_and_each_can_be_turned() -> None:
    app = typer.Typer()
    app.add_typer(simulate.commands)
    shown = CliRunner().invoke(app, ["simulate", "sensors", "--help"], env={**os.environ, "COLUMNS": "200"}).output
    simulator = SensorSimulator()
    for name in switch_names(SensorFault):
        assert name in shown
        simulator.switches.turn_by_name(Turn(fault=name))
    assert simulator.faults.names == [*switch_names(SensorFault)]
