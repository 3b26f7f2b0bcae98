"""A real MQTT broker for tests, rumqttd in a wheel, on a port of its own: MQTT 3.1.1 and 5, with a login."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from iotcore import Broker

LOGIN = ("bus", "a-password-of-the-bus")
_LISTENER = """
[{kind}.1]
name = "{kind}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{kind}.1.connections]
connection_timeout_ms = 5000
max_payload_size = 20000000
max_inflight_count = 500
dynamic_filters = true
[{kind}.1.connections.auth]
{user} = "{password}"
"""
_ROUTER = """
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
"""


@dataclass
class MqttBroker:
    """Listens for MQTT 3.1.1 at `port`, for MQTT 5 at `port_5`; it forgets its sessions when it stops."""

    folder: Path
    port: int = 0
    port_5: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["MqttBroker"]:
        """Run it, at the same ports every time."""
        if not self.port:
            self.port, self.port_5 = _free_ports()
        file = self.folder / "broker.toml"
        user, password = LOGIN
        listeners = [
            _LISTENER.format(kind=kind, port=port, user=user, password=password)
            for kind, port in (("v4", self.port), ("v5", self.port_5))
        ]
        file.write_text(_ROUTER + "".join(listeners))
        broker = Broker(config_path=str(file))
        await asyncio.to_thread(broker.start)
        try:
            yield self
        finally:
            await asyncio.to_thread(broker.stop, 0.1)  # it does not end on SIGTERM: it is killed


def _free_ports() -> tuple[int, int]:
    with closing(socket.socket()) as one, closing(socket.socket()) as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
