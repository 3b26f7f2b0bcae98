"""Reads a source's devices over MQTT: steps their alarms, and takes in what becomes of these."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from adapters.adapter import EnvironmentSecrets
from adapters.mapped import alarm_rows, cursors
from adapters.mapped.metrics import MESSAGES
from adapters.mapped.mqtt_session import MqttSession, open_session
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.readings import AlarmNews, MqttMessage, Reading, closing, documents_of, read_messages
from adapters.mapped.source import MappedSource
from bus.app import Core
from bus.domain.errors import MalformedInput, Transient
from bus.domain.terms import State, TraceId
from bus.domain.ticket import NOBODY, Ticket
from bus.intake.disk_floor import DiskFloor
from bus.intake.dispatch import utc_now
from bus.intake.from_raw_request import refused_delivery, translated
from bus.intake.outcomes import count
from bus.intake.source_adapter import MAP_VERSION
from bus.postgres.pool import connected, in_transaction
from bus.wire.rejected_input import RejectedInput
from schemas.messages import RequestReceived

if TYPE_CHECKING:
    from bus.programs.pulled_sources import Taker

BATCH: Final = 1_000
NEWS: Final = 200
LOOK_EVERY_S: Final = 1.0
CLOCK_EVERY_S_MAX: Final = 10.0
LEASE: Final = timedelta(seconds=30)
RENEW_S: Final = 10.0
TOGETHER_MIN: Final = 10
"""So many devices may fall silent at once; of more it must be less than half, or it is not the devices."""
KEPT_EVERY_S: Final = 3_600.0
KEPT_MAX: Final = 100
log = structlog.get_logger()


async def read_mqtt(core: Core, source: MappedSource, mqtt: Mqtt, taker: "Taker", well: Callable[..., None]) -> None:
    """Read while it is this worker's turn. Raises MqttAway, StoreUnavailable, ConfigFileInvalid.

    The session's name is the source's, whoever reads: the next worker is handed what the last did not acknowledge.
    """
    secrets = EnvironmentSecrets(environment=os.environ, where=f"map of {source.name}: transport")
    client_id = mqtt.client_id or f"ticketbus-{core.settings.namespace}-{source.name}"
    devices = MqttDevices(core, source, mqtt, taker)
    while True:
        if await in_transaction(core.pool, cursors.take_turn, source.name, LEASE) is None:
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        try:
            async with open_session(mqtt, client_id, secrets) as session:
                log.info("mqtt_connected", source=source.name, resumed=session.resumed)
                await devices.read(session, well)
        finally:
            with suppress(Transient):
                await in_transaction(core.pool, cursors.note_next, source.name, timedelta())


class MqttDevices:
    """The devices of one source. What is known of them is in PostgreSQL, so that any worker goes on from there."""

    def __init__(self, core: Core, source: MappedSource, mqtt: Mqtt, taker: "Taker") -> None:
        """Bind the stores."""
        self._core, self._source, self._mqtt, self._taker = core, source, mqtt, taker
        self._dispatcher = replace(core.dispatcher, admit=DiskFloor(pool=core.pool).admit)
        self._kept = dict[tuple[str, str], float]()
        self._refused = list[RejectedInput]()
        self._known = set[str]()

    async def read(self, session: MqttSession, well: Callable[..., None]) -> None:
        """Take messages until the connection ends. Raises MqttAway, StoreUnavailable."""
        await self.go_on()
        rules = self._mqtt.alarms
        waits = [s for one in rules for s in (one.silent_s, one.for_s, one.back_for_s, one.again_after_s) if s]
        every_s = min(CLOCK_EVERY_S_MAX, min(waits, default=0) / 10)
        looked_at, renewed_at, trouble = monotonic(), monotonic(), ""
        while True:
            messages = await session.batch(BATCH, LOOK_EVERY_S if not waits else min(LOOK_EVERY_S, every_s))
            if messages:
                await self.take(messages)
                session.acknowledge(messages)
            if waits and session.idle and monotonic() - looked_at >= every_s:
                connected_s = monotonic() - session.connected_at
                await self.step_by_clock(connected_s)
                trouble, looked_at = await self.look_for_silence(connected_s), monotonic()
            if monotonic() - renewed_at >= RENEW_S:
                await in_transaction(self._core.pool, cursors.note_next, self._source.name, LEASE)
                renewed_at = monotonic()
            well(trouble)

    async def go_on(self) -> None:
        """Take in what a program that ended had left, and learn which devices are known."""
        await self._hand_over()
        async with connected(self._core.pool) as connection:
            self._known = await alarm_rows.known_devices(connection, self._source.name)

    async def take(self, messages: Sequence[MqttMessage]) -> None:
        """Take messages in; once this ends they may be acknowledged. Raises StoreUnavailable."""
        fresh = [one for one in messages if self._mqtt.retained or not one.retained]
        MESSAGES.labels(self._source.name, "retained").inc(len(messages) - len(fresh))
        if self._mqtt.alarms:
            await self._step(list(read_messages(fresh, self._mqtt, self._source.map.documents, self._refuse)))
        else:
            await self._taker.take([pair for one in fresh for pair in self._documents(one)])
        if self._refused:
            await self._core.refused.keep(self._refused)
            self._refused.clear()

    async def look_for_silence(self, connected_s: float) -> str:
        """Open for devices that are silent for too long, none while we were not connected so long ourselves.

        Gives why not, where so many fell silent at once that it is not the devices; else nothing.
        """
        now, why = utc_now(), ""
        for rule in self._mqtt.alarms:
            if rule.silent_s is None or connected_s < rule.silent_s:
                continue
            before, late = (now - timedelta(seconds=rule.silent_s / part) for part in (1, 2))
            async with connected(self._core.pool) as connection:
                due, going, known = await alarm_rows.count_silent(
                    connection, self._source.name, rule.cause, before=before, late=late
                )
                # Devices behind one gateway do not send in the same second, and fall due one after the other.
                if due and going > max(TOGETHER_MIN, known // 2):
                    why = f"{rule.cause}: {going} of {known} devices fell silent at once; no ticket is opened of them"
                    continue
                alarms = await alarm_rows.silent(
                    connection, self._source.name, self._mqtt, rule.cause, before=before, most=BATCH
                )
                for key in list(alarms.states):
                    alarms.fell_silent(key, rule, now)
                await alarm_rows.keep(connection, self._source.name, alarms)
        await self._hand_over()
        return why

    async def step_by_clock(self, connected_s: float) -> None:
        """Step what waits for time alone: a device that sends only what changes does not send again.

        None for longer than we were connected ourselves: what came meanwhile may not be here yet.
        """
        now = utc_now()
        for rule in self._mqtt.alarms:
            if rule.silent_s is not None:
                continue
            async with connected(self._core.pool) as connection:
                since = now - timedelta(seconds=connected_s)
                alarms = await alarm_rows.due(
                    connection, self._source.name, self._mqtt, rule, now=now, since=since, most=BATCH
                )
                for key in list(alarms.states):
                    alarms.time_passed(key, rule, now)
                await alarm_rows.keep(connection, self._source.name, alarms)
            if alarms.news:
                await self._hand_over()

    async def _step(self, readings: Sequence[Reading]) -> None:
        now = utc_now()
        readings = [one for one in readings if self._is_known(one.device)]
        async with connected(self._core.pool) as connection:
            devices = {one.device for one in readings}
            alarms = await alarm_rows.load(connection, self._source.name, self._mqtt, devices)
            for one in readings:
                alarms.take(one, now)
            await alarm_rows.keep(connection, self._source.name, alarms)
        MESSAGES.labels(self._source.name, "taken").inc(len(readings))
        if alarms.news:
            await self._hand_over()

    def _is_known(self, device: str) -> bool:
        """Say whether a device may have rows: who invents names does not fill the table."""
        if device not in self._known:
            if len(self._known) >= self._mqtt.devices_max:
                MESSAGES.labels(self._source.name, "too_many_devices").inc()
                return False
            self._known.add(device)
        return True

    async def _hand_over(self) -> None:
        """Take in what became of alarms, in order; what a program that ended had left, too. Idempotent."""
        while True:
            async with connected(self._core.pool) as connection:
                waiting = await alarm_rows.waiting(connection, self._source.name, NEWS)
            if not waiting:
                return
            plain = list[tuple[str, bytes]]()
            for _, news in waiting:
                over = closing(news)
                if over is None:
                    plain.append((news.known_by, news.body))
                    continue
                await self._taker.take(plain)
                plain.clear()
                if not await self._closed(news, *over):
                    plain.append((news.known_by, news.body))
            await self._taker.take(plain)
            async with connected(self._core.pool) as connection:
                await alarm_rows.forget(connection, [number for number, _ in waiting])

    async def _closed(self, news: AlarmNews, number: str, body: bytes) -> bool:
        """Close the ticket of an alarm, all steps in one transaction, where it is the alarm's own and nobody has it.

        Idempotent. False where the map has no steps for that, or people are at it: then what it has for these is due.
        """
        known = {self._source.name: self._source}
        try:
            requests = translated(known, self._delivery(news.known_by, body))
        except MalformedInput as error:
            log.warning("alarm_not_closed", source=self._source.name, number=number, code=error.code)
            return False
        try:
            without = translated(known, self._delivery(news.known_by, news.body))
        except MalformedInput:
            without = ()
        if len(requests) <= len(without):
            return False

        def untouched(ticket: Ticket) -> bool:
            own = ticket.source == self._source.name and ticket.source_no == number and ticket.reports == 1
            return own and ticket.state is State.PENDING and ticket.assignee == NOBODY

        outcomes, refusal = await self._dispatcher.dispatch_together(requests, untouched)
        for request, outcome in zip(requests, outcomes, strict=False):
            count(request, outcome)
        if refusal:
            log.info("alarm_not_closed", source=self._source.name, number=number, code=refusal)
        return not refusal

    def _documents(self, message: MqttMessage) -> list[tuple[str, bytes]]:
        try:
            found = [orjson.dumps(one) for one in documents_of(message, self._mqtt, self._source.map.documents)]
            pairs = [(self._source.delivery_id(body), body) for body in found]
        except MalformedInput as error:
            self._refuse(message, error)
            return []
        MESSAGES.labels(self._source.name, "taken").inc(len(pairs))
        return pairs

    def _refuse(self, message: MqttMessage, error: MalformedInput) -> None:
        """Count what is no reading, and keep one of its topic and kind an hour: a device that sends such goes on."""
        MESSAGES.labels(self._source.name, error.code).inc()
        now, key = monotonic(), (message.topic, error.code)
        self._kept = {one: at for one, at in self._kept.items() if now - at < KEPT_EVERY_S}
        if key in self._kept or len(self._kept) >= KEPT_MAX:
            return
        self._kept[key] = now
        log.warning("message_refused", source=self._source.name, code=error.code, field=error.field)
        digest = hashlib.sha256(b"\0".join((message.topic.encode(), message.payload))).hexdigest()
        received = self._delivery(digest, message.payload, topic=message.topic)
        self._refused.append(replace(refused_delivery(error, received), heard=True))  # nobody has to decide on it

    def _delivery(self, known_by: str, body: bytes, *, topic: str = "") -> RequestReceived:
        headers = {MAP_VERSION: str(self._source.version), **({":topic": topic} if topic else {})}
        trace_id = TraceId(token_hex(16))
        return self._source.delivery(known_by, body, headers=headers, received_at=utc_now(), trace_id=trace_id)
