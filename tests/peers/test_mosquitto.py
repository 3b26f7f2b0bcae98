"""Debian's mosquitto as the broker: sessions that outlive it, TLS and a login, MQTT 3.1.1 and 5."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from adapters.adapter import EnvironmentSecrets
from adapters.mapped.mqtt_session import MqttAway, MqttSession, open_session
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.readings import MqttMessage
from tests.adapters.certificates import PrivateAuthority

pytestmark = pytest.mark.peers
PASSWORD = "a-password-of-the-bus"
SECRETS = EnvironmentSecrets(environment={"SENSORS_LOGIN": f"bus:{PASSWORD}", "WRONG": "bus:not-it"}, where="map")
VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])
CONFIG = """
user root
allow_anonymous false
password_file {folder}/passwords
persistence true
persistence_location {folder}/
listener {port} 127.0.0.1
listener {tls_port} 127.0.0.1
certfile {certificate}
keyfile {key}
"""


@dataclass
class Mosquitto:
    """A broker in a folder, which keeps its sessions there."""

    folder: Path
    port: int
    tls_port: int
    ca: Path

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it until it has written its sessions."""
        process = await asyncio.create_subprocess_exec("mosquitto", "-c", str(self.folder / "mosquitto.conf"))
        try:
            until = time.monotonic() + 10
            while not _listens(self.tls_port):
                assert process.returncode is None
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
            yield
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 10)

    def mqtt(self, **changed: Any) -> Mqtt:
        """Give a transport that reads it."""
        own = {"kind": "mqtt", "broker": "127.0.0.1", "port": self.port, "topics": ["plant/{device}/up"]}
        return Mqtt.model_validate({**own, "login": "SENSORS_LOGIN", **changed})

    async def publish(self, *payloads: bytes, retain: bool = False) -> None:
        """Send readings of a device, until the broker has them."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set("bus", PASSWORD)
        await asyncio.to_thread(client.connect, "127.0.0.1", self.port)
        client.loop_start()
        for payload in payloads:
            await asyncio.to_thread(client.publish("plant/pump-1/up", payload, 1, retain).wait_for_publish, 10)
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Mosquitto:
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not there: apt-get install mosquitto")
    authority = PrivateAuthority(folder=tmp_path)
    certificate, key = authority.issue("broker")
    (tmp_path / "passwords").write_text(f"bus:{PASSWORD}\n")
    subprocess.run(["mosquitto_passwd", "-U", str(tmp_path / "passwords")], check=True)
    with closing(socket.socket()) as one, closing(socket.socket()) as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        port, tls_port = one.getsockname()[1], two.getsockname()[1]
    config = CONFIG.format(folder=tmp_path, port=port, tls_port=tls_port, certificate=certificate, key=key)
    (tmp_path / "mosquitto.conf").write_text(config)
    return Mosquitto(folder=tmp_path, port=port, tls_port=tls_port, ca=authority.ca)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


async def take(session: MqttSession, count: int) -> Sequence[MqttMessage]:
    found = list[MqttMessage]()
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await session.batch(100, 1)
    return found


@VERSIONS
async def test_mosquitto_hands_out_again_what_was_not_acknowledged_also_after_its_own_restart(
    mosquitto: Mosquitto, version: str
) -> None:
    mqtt = mosquitto.mqtt(version=version)
    async with mosquitto.running():
        async with open_session(mqtt, "bus-1", SECRETS) as session:
            assert not session.resumed
            await mosquitto.publish(b"1", b"2", b"3")
            first = await take(session, 3)
            session.acknowledge(first[:1])
        await mosquitto.publish(b"4")
    async with mosquitto.running(), open_session(mqtt, "bus-1", SECRETS) as session:
        assert session.resumed
        again = await take(session, 3)
        assert [one.payload for one in again] == [b"2", b"3", b"4"]
        session.acknowledge(again)
        assert await session.batch(10, 0.2) == ()


@VERSIONS
async def test_mosquitto_marks_what_it_kept_and_hands_out_more_than_it_has_in_flight(
    mosquitto: Mosquitto, version: str
) -> None:
    async with mosquitto.running():
        await mosquitto.publish(b"old", retain=True)
        async with open_session(mosquitto.mqtt(version=version), "bus-1", SECRETS) as session:
            (kept,) = await take(session, 1)
            session.acknowledge([kept])
            await mosquitto.publish(*[b"%d" % n for n in range(100)])
            found = list[MqttMessage]()
            while len(found) < 100:
                batch = await take(session, 1)
                session.acknowledge(batch)
                found += batch
    assert (kept.payload, kept.retained) == (b"old", True)
    assert [one.payload for one in found] == [b"%d" % n for n in range(100)]
    assert not any(one.retained for one in found)


@VERSIONS
async def test_mosquitto_refuses_a_wrong_login_and_the_text_has_no_secret(mosquitto: Mosquitto, version: str) -> None:
    async with mosquitto.running():
        with pytest.raises(MqttAway) as away:
            async with open_session(mosquitto.mqtt(version=version, login="WRONG"), "bus-1", SECRETS):
                pass
    assert "uthori" in str(away.value)
    assert "not-it" not in str(away.value)


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl")  # paho leaves the socket of a failed handshake to gc
async def test_mosquitto_is_reached_by_tls_and_an_authority_that_is_not_trusted_is_refused(
    mosquitto: Mosquitto,
) -> None:
    tls = {"port": mosquitto.tls_port, "tls": {"ca_file": str(mosquitto.ca)}}
    other = PrivateAuthority(folder=mosquitto.folder, name="other-ca").ca
    async with mosquitto.running():
        async with open_session(mosquitto.mqtt(**tls), "bus-1", SECRETS) as session:
            await mosquitto.publish(b"1")
            assert [one.payload for one in await take(session, 1)] == [b"1"]
        with pytest.raises(MqttAway, match="SSLCertVerificationError"):
            async with open_session(mosquitto.mqtt(**{**tls, "tls": {"ca_file": str(other)}}), "bus-1", SECRETS):
                pass


async def test_mosquitto_that_ends_is_said_once_all_that_came_is_given_out(mosquitto: Mosquitto) -> None:
    async with mosquitto.running():
        session = await MqttSession(mosquitto.mqtt(), "bus-1", SECRETS).open()
        await mosquitto.publish(b"1")
    assert [one.payload for one in await take(session, 1)] == [b"1"]
    with pytest.raises(MqttAway, match="the connection ended"):
        await session.batch(1, 10)
    await session.close()
    with pytest.raises(MqttAway, match="ConnectionRefusedError"):
        await MqttSession(mosquitto.mqtt(), "bus-1", SECRETS).open()
