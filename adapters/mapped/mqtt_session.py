"""A session at an MQTT broker, by paho, whose network runs in a thread: messages in batches, acknowledged by us.

paho and not aiomqtt: of the two only paho lets its caller acknowledge, and a reading is acknowledged after the commit.
"""

import asyncio
import queue
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from adapters.adapter import EnvironmentSecrets
from adapters.http_options import trust_in
from adapters.mapped.mqtt_transport import Mqtt, subscribed
from adapters.mapped.readings import PAYLOAD_BYTES_MAX, MqttMessage
from adapters.outbound_http import public_trust
from bus.domain.errors import Transient

KEEPALIVE_S: Final = 30
ANSWER_S_MAX: Final = 15.0
WAITING_MAX: Final = 2_000  # messages in memory; beyond it the broker waits, as TCP has it
SHOWN_BYTES: Final = 4_096  # of a message that is too large
PACKET_BYTES_MAX: Final = 4 * PAYLOAD_BYTES_MAX


class MqttAway(Transient):
    """The broker cannot be reached, refuses us, or ended the connection; the text says which, and no secret."""


class MqttSession:
    """One connection. Its session outlives it at the broker, so that what comes meanwhile is handed out later."""

    def __init__(self, mqtt: Mqtt, client_id: str, secrets: EnvironmentSecrets) -> None:
        """Make a client that is not connected yet. Raises ConfigFileInvalid for a login or a file that is not there."""
        five = mqtt.version == "5"
        self._mqtt, self._five, self._loop = mqtt, five, asyncio.get_running_loop()
        self._waiting = queue.Queue[MqttMessage](maxsize=WAITING_MAX)
        self._here, self._closing, self._ended = asyncio.Event(), False, ""
        self._answered: asyncio.Future[str] = self._loop.create_future()
        self._subscribed: asyncio.Future[str] = self._loop.create_future()
        self.connected_at, self.resumed = monotonic(), False
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = ANSWER_S_MAX
        if mqtt.login:
            user, _, password = secrets.read(mqtt.login).get_secret_value().partition(":")
            client.username_pw_set(user, password)
        if mqtt.tls:
            client.tls_set_context(_trust(mqtt, secrets))
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_message, client.on_disconnect = self._on_message, self._on_disconnect

    async def batch(self, most: int, within_s: float) -> Sequence[MqttMessage]:
        """Give what has come, at least one and at most so many, or nothing within that time. Raises MqttAway."""
        if self._waiting.empty():
            self._here.clear()
            if self._waiting.empty() and not self._ended:
                try:
                    async with asyncio.timeout(within_s):
                        await self._here.wait()
                except TimeoutError:
                    return ()
        found = list[MqttMessage]()
        while len(found) < most and not self._waiting.empty():
            found.append(self._waiting.get_nowait())
        if not found and self._ended:
            raise MqttAway(self._ended)
        return found

    @property
    def idle(self) -> bool:
        """Say whether all that has come was given out."""
        return self._waiting.empty() and not self._ended

    def acknowledge(self, messages: Sequence[MqttMessage]) -> None:
        """Tell the broker that these are safe: it hands them out no more."""
        for one in messages:
            if one.qos and not self._ended:
                self._client.ack(one.mid, one.qos)

    async def open(self) -> Self:
        """Connect and subscribe. Raises MqttAway."""
        port = self._mqtt.port or (8883 if self._mqtt.tls else 1883)
        options: dict[str, Any] = {}
        if self._five:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no annotation
            properties.SessionExpiryInterval = self._mqtt.session_s
            properties.MaximumPacketSize = PACKET_BYTES_MAX
            properties.ReceiveMaximum = WAITING_MAX
            options = {"clean_start": False, "properties": properties}
        try:
            await asyncio.to_thread(self._client.connect, self._mqtt.broker, port, KEEPALIVE_S, **options)
            self._client.loop_start()
            await self._answer(self._answered)
            wanted: list[tuple[str, int]] = [(subscribed(topic), self._mqtt.qos) for topic in self._mqtt.topics]
            sent, _ = self._client.subscribe(wanted)
            if sent is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise MqttAway(self._ended or "the connection ended")
            await self._answer(self._subscribed)
        except (OSError, ValueError) as error:
            raise MqttAway(f"{self._mqtt.broker}:{port}: {type(error).__name__}") from error
        self.connected_at = monotonic()
        return self

    async def close(self) -> None:
        """End the connection; the session stays at the broker."""
        self._closing = True
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def _answer(self, answer: "asyncio.Future[str]") -> None:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                refused = await answer
        except TimeoutError:
            raise MqttAway(f"{self._mqtt.broker} does not answer") from None
        if refused:
            raise MqttAway(f"{self._mqtt.broker}: {refused}")

    # What follows runs in paho's thread.

    def _on_connect(self, _c: Client, _u: object, flags: ConnectFlags, reason: ReasonCode, _p: object) -> None:
        self.resumed = flags.session_present
        self._say(self._answered, str(reason) if reason.is_failure else "")

    def _on_subscribe(self, _c: Client, _u: object, _mid: int, reasons: list[ReasonCode], _p: object) -> None:
        refused = [str(one) for one in reasons if one.is_failure]
        self._say(self._subscribed, f"a topic is refused: {refused[0]}" if refused else "")

    def _on_message(self, _c: Client, _u: object, given: MQTTMessage) -> None:
        try:
            topic = given.topic.replace("\0", "")
        except UnicodeDecodeError:
            topic = ""
        size = len(given.payload)
        message = MqttMessage(
            topic=topic,
            payload=bytes(given.payload[: size if size <= PAYLOAD_BYTES_MAX else SHOWN_BYTES]),
            qos=given.qos,
            mid=given.mid,
            retained=given.retain,
            bytes=size,
        )
        while not self._closing:
            try:
                self._waiting.put(message, timeout=0.2)
                break
            except queue.Full:
                continue
        self._wake()

    def _on_disconnect(self, _c: Client, _u: object, _f: DisconnectFlags, reason: ReasonCode, _p: object) -> None:
        self._ended = f"{self._mqtt.broker}: the connection ended: {reason}"
        self._say(self._answered, self._ended)
        self._say(self._subscribed, self._ended)
        self._wake()

    def _say(self, answer: "asyncio.Future[str]", text: str) -> None:
        self._later(lambda: None if answer.done() else answer.set_result(text))

    def _wake(self) -> None:
        if not self._here.is_set():
            self._later(self._here.set)

    def _later(self, call: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)


@asynccontextmanager
async def open_session(mqtt: Mqtt, client_id: str, secrets: EnvironmentSecrets) -> AsyncIterator[MqttSession]:
    """Hold a session. Raises MqttAway, and ConfigFileInvalid."""
    session = MqttSession(mqtt, client_id, secrets)
    try:
        yield await session.open()
    finally:
        await session.close()


def _trust(mqtt: Mqtt, secrets: EnvironmentSecrets) -> ssl.SSLContext:
    tls = mqtt.tls
    assert tls is not None, "it is asked for with TLS alone"
    context = (
        trust_in(tls.ca_file, f"{secrets.where}.tls.ca_file", datetime.now(UTC)) if tls.ca_file else public_trust()
    )
    if tls.client_certificate:
        context.load_cert_chain(tls.client_certificate, tls.client_key)
    return context
