"""Readings of devices in what an MQTT broker hands out, and what alarms become of them. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from adapters.expressions import Expression
from adapters.mapped.alarm_steps import DeviceAlarm, Level, News, Phase, level_of, step, waits_at
from adapters.mapped.mqtt_transport import ALARM, TOPIC, Mqtt, SensorAlarm, levels_of
from adapters.mapped.translate import DOCUMENTS_MAX, read_any
from bus.domain.errors import MalformedInput
from bus.wire.json_body import may_hold_unstorable, refuse_unstorable

DEVICE_CHARS_MAX: Final = 100
PAYLOAD_BYTES_MAX: Final = 256 * 1024
SEEN_EVERY_S: Final = 86_400.0
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?")
AlarmKey = tuple[str, str]
"""A device, and a cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttMessage:
    """What the broker handed out. `mid`: by which it is acknowledged; `bytes`: how long it was before it was cut."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    retained: bool
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a device sent: the document with its topic, and per cause where the value lies."""

    device: str
    document: Mapping[str, Any]
    values: Mapping[str, tuple[float, Level]]

    @property
    def about(self) -> Mapping[str, Any]:
        """Give its topic's levels."""
        about: Mapping[str, Any] = self.document[TOPIC]
        return about


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmNews:
    """What is to be taken in of an alarm: the document as JSON, and what it is known by."""

    known_by: str
    body: bytes


def documents_of(message: MqttMessage, mqtt: Mqtt, documents: Expression | None) -> Sequence[dict[str, Any]]:
    """Read a message as documents, each with its topic. Raises MalformedInput.

    One that is a bare number is the document `{"value": number}`.
    """
    if message.bytes > PAYLOAD_BYTES_MAX:
        zh, en = f"消息超过 {PAYLOAD_BYTES_MAX} 字节", f"the message has more than {PAYLOAD_BYTES_MAX} bytes"
        raise MalformedInput("too_large", "$", zh, en)
    bare = message.payload.strip()[:40].decode("ascii", "replace")
    whole = {"value": float(bare)} if _NUMBER.fullmatch(bare) else read_any(message.payload)
    found = whole if documents is None else documents.read(whole)
    listed = found if isinstance(found, list) else [] if found is None else [found]
    if len(listed) > DOCUMENTS_MAX:
        zh, en = f"一次超过 {DOCUMENTS_MAX} 份文档", f"more than {DOCUMENTS_MAX} documents at once"
        raise MalformedInput("too_many", documents.path if documents else "$", zh, en)
    if may_hold_unstorable(message.payload):
        refuse_unstorable(listed, "$")
    topic = levels_of(message.topic, mqtt.topics)
    if not all(isinstance(one, dict) for one in listed):
        raise MalformedInput("not_an_object", "$", "每份读数须为 JSON 对象", "each reading must be a JSON object")
    return [{**one, TOPIC: topic} for one in listed]


def reading_of(document: Mapping[str, Any], mqtt: Mqtt) -> Reading:
    """Read a document as a reading. Raises MalformedInput where it names no device, or a value is none."""
    assert mqtt.device is not None, "alarms and device go together"
    device = mqtt.device.read(document)
    text = str(device).strip() if isinstance(device, str | int) and not isinstance(device, bool) else ""
    if not text or len(text) > DEVICE_CHARS_MAX or not text.isprintable():
        path = mqtt.device.path
        zh, en = f"“{path}”不是设备编号", f"{path} is no device: a text of 1 to {DEVICE_CHARS_MAX} characters"
        raise MalformedInput("no_device", path, zh, en)
    values = {
        rule.cause: (value, level_of(value, rule))
        for rule in mqtt.alarms
        if rule.value is not None
        and (rule.when is None or rule.when.holds(document))
        and (value := _number(rule.value.read(document), rule.value.path)) is not None
    }
    return Reading(device=text, document=document, values=values)


def _number(found: object, path: str) -> float | None:
    if found is None or found == "":
        return None
    if isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < 1e18:
        return float(found)
    if isinstance(found, str) and _NUMBER.fullmatch(found.strip()):
        return float(found)
    raise MalformedInput("not_a_number", path, f"“{path}”须为数字,不带单位", f"{path} is a number, without a unit")


@dataclass(frozen=True, slots=True)
class Sign:
    """What a reading, or its absence, says of an alarm; `value` is None of silence."""

    level: Level
    document: Mapping[str, Any]
    value: float | None = None


@dataclass(slots=True, kw_only=True)
class Alarms:
    """How the alarms of some devices stand, as they were loaded, and what readings make of them, in place.

    `about`: of silence the topic's levels when the device was last heard; of a value, while it waits for time to
    pass, the reading with which it began to. `changed`: those whose row is to be written; `news`: what is to be taken
    in, in order.
    """

    mqtt: Mqtt
    states: dict[AlarmKey, DeviceAlarm]
    seen_at: dict[AlarmKey, datetime]
    about: dict[AlarmKey, Mapping[str, Any]]
    changed: set[AlarmKey]
    news: list[AlarmNews]

    def take(self, reading: Reading, now: datetime) -> None:
        """Take a reading: each alarm that it speaks of goes a step, and silence ends."""
        for rule in self.mqtt.alarms:
            key = (reading.device, rule.cause)
            if rule.silent_s is not None:
                self._heard(key, rule, reading, now)
                continue
            if key in self.states:
                self._seen(key, SEEN_EVERY_S, now)
            if rule.cause in reading.values:
                value, level = reading.values[rule.cause]
                if key not in self.states and level is not Level.BEYOND:
                    continue  # quiet, and never was otherwise: it needs no row
                self._step(key, rule, Sign(level, reading.document, value), now)

    def fell_silent(self, key: AlarmKey, rule: SensorAlarm, now: datetime) -> None:
        """Take it that nothing came of a device for too long."""
        self._step(key, rule, Sign(Level.BEYOND, {TOPIC: self.about[key]}), now)

    def time_passed(self, key: AlarmKey, rule: SensorAlarm, now: datetime) -> None:
        """Step an alarm of a value that waits for time to pass, as the same reading would that came again now."""
        level = waits_at(self.states[key], rule)
        if level is not None:
            about = self.about[key]
            read = ALARM in about  # else it was an alarm of silence until the map was changed
            sign = Sign(level, about, about[ALARM]["value"]) if read else Sign(level, {TOPIC: about})
            self._step(key, rule, sign, now)

    def _heard(self, key: AlarmKey, rule: SensorAlarm, reading: Reading, now: datetime) -> None:
        assert rule.silent_s is not None, "it is a rule of silence"
        if self._seen(key, max(1.0, rule.silent_s / 10), now):
            self.about[key] = reading.about
            self.states.setdefault(key, DeviceAlarm(phase=Phase.QUIET, since=now))
        self._step(key, rule, Sign(Level.BACK, reading.document), now)

    def _seen(self, key: AlarmKey, every_s: float, now: datetime) -> bool:
        seen = self.seen_at.get(key)
        if seen is not None and (now - seen).total_seconds() < every_s:
            return False
        self.seen_at[key] = now
        self.changed.add(key)
        return True

    def _step(self, key: AlarmKey, rule: SensorAlarm, sign: Sign, now: datetime) -> None:
        before = self.states.get(key) or DeviceAlarm(phase=Phase.QUIET, since=now)
        after, news = step(before, sign.level, rule, now)
        if after == before:
            return
        self.states[key] = after
        self.seen_at.setdefault(key, now)
        if rule.silent_s is None:
            waits = after.phase in {Phase.RISING, Phase.FALLING}
            self.about[key] = {**sign.document, ALARM: {"value": sign.value}} if waits else {}
        self.changed.add(key)
        if news:
            self.news.append(_news(key, news, before, after, sign))


def _news(key: AlarmKey, news: News, before: DeviceAlarm, after: DeviceAlarm, sign: Sign) -> AlarmNews:
    device, cause = key
    number = f"{device}/{cause}/{after.episode}"
    about_alarm = {
        "state": news,
        "device": device,
        "cause": cause,
        "number": number,
        "value": sign.value,
        "since": before.since.isoformat(timespec="seconds"),
        "times": before.times,
        "closes": False,
    }
    return AlarmNews(known_by=f"{number}/{news}", body=orjson.dumps({**sign.document, ALARM: about_alarm}))


def closing(news: AlarmNews) -> tuple[str, bytes] | None:
    """Give the number of an alarm that is over, and its document as it is while nobody has the ticket; None of others.

    The same news gives the same bytes: a repeat is known by them.
    """
    document = orjson.loads(news.body)
    about_alarm = document[ALARM]
    if about_alarm["state"] != "over":
        return None
    return about_alarm["number"], orjson.dumps({**document, ALARM: {**about_alarm, "closes": True}})


def read_messages(
    messages: Sequence[MqttMessage],
    mqtt: Mqtt,
    documents: Expression | None,
    refused: Callable[[MqttMessage, MalformedInput], None],
) -> Iterator[Reading]:
    """Give the readings of messages in order; what is none goes to `refused`, and stops no other."""
    for message in messages:
        try:
            found = documents_of(message, mqtt, documents)
        except MalformedInput as error:
            refused(message, error)
            continue
        for one in found:
            try:
                reading = reading_of(one, mqtt)
            except MalformedInput as error:
                refused(message, error)
            else:
                yield reading
