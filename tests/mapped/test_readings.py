"""Messages as readings: by which topic, of which device, and what is none; and what alarms become of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import yaml

from adapters.expressions import Expression
from adapters.mapped.alarm_steps import DeviceAlarm, Phase
from adapters.mapped.mqtt_transport import Mqtt, levels_of, subscribed
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.readings import Alarms, MqttMessage, Reading, closing, read_messages
from adapters.simulators.sensors import SensorSimulator, map_of
from bus.domain.errors import MalformedInput

AT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
HOT = {"cause": "hot", "value": "celsius", "above": 80, "back_for_s": 0}
SILENT = {"cause": "silent", "silent_s": 60, "back_for_s": 0}
TOPIC = "plant/sh1/pump-1/up"


def mqtt(*alarms: dict[str, Any], **changed: Any) -> Mqtt:
    return Mqtt.model_validate(
        {
            "kind": "mqtt",
            "broker": "mqtt.internal",
            "topics": ["plant/{site}/{device}/up"],
            "device": "_topic.device",
            "alarms": alarms or (HOT,),
            **changed,
        }
    )


def message(payload: Any, topic: str = TOPIC) -> MqttMessage:
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return MqttMessage(topic=topic, payload=body, qos=1, mid=1, retained=False, bytes=len(body))


def read(
    *messages: MqttMessage, transport: Mqtt | None = None, documents: Expression | None = None
) -> tuple[list[Reading], list[str]]:
    refused = list[str]()

    def note(_: MqttMessage, error: MalformedInput) -> None:
        refused.append(error.code)

    return list(read_messages(messages, transport or mqtt(), documents, note)), refused


@pytest.mark.parametrize(
    ("pattern", "topic_filter", "levels"),
    [
        ("plant/{site}/{device}/up", "plant/+/+/up", {"site": "sh1", "device": "pump-1"}),
        ("plant/+/{device}/#", "plant/+/+/#", {"device": "pump-1"}),
        ("#", "#", {}),
        ("plant/bj1/{device}/up", "plant/bj1/+/up", {}),
        ("{a}/{b}", "+/+", {}),
    ],
)
def test_readings_a_topic_gives_its_levels_by_name(pattern: str, topic_filter: str, levels: dict[str, str]) -> None:
    assert subscribed(pattern) == topic_filter
    assert levels_of(TOPIC, [pattern]) == {**levels, "name": TOPIC}


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ({"celsius": 81}, 81.0),
        ({"celsius": "81.5"}, 81.5),
        ({"celsius": " -4e1 "}, -40.0),
        (b'\xef\xbb\xbf{"celsius": 1}', 1.0),
    ],
)
def test_readings_a_value_is_a_number_or_its_text(payload: Any, value: float) -> None:
    (reading,), refused = read(message(payload))
    assert (reading.device, reading.values["hot"][0], refused) == ("pump-1", value, [])
    assert reading.document["_topic"]["site"] == "sh1"


def test_readings_a_bare_number_is_a_document() -> None:
    transport = mqtt({**HOT, "value": "value"})
    (reading,), _ = read(message(b" 81.5\n"), transport=transport)
    assert reading.values["hot"][0] == 81.5


def test_readings_several_in_a_message() -> None:
    batch = {"items": [{"d": f"pump-{n}", "celsius": n} for n in range(3)]}
    readings, _ = read(message(batch), transport=mqtt(device="d"), documents=Expression("items"))
    assert [one.device for one in readings] == ["pump-0", "pump-1", "pump-2"]
    readings, _ = read(message(batch["items"]), transport=mqtt(device="d"))
    assert len(readings) == 3


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"celsius": NaN}', "not_json"),
        (b'{"celsius": 1e999}', "not_json"),
        ({"celsius": "NaN"}, "not_a_number"),
        ({"celsius": "81.5 °C"}, "not_a_number"),
        ({"celsius": True}, "not_a_number"),
        ({"celsius": [1]}, "not_a_number"),
        ('{"site": "上海一厂设备间"}'.encode("gbk"), "not_utf8"),
        (b'{"celsius": 1, "note": "\\u0000"}', "nul"),
        (b"[1]", "not_an_object"),
        (b"\0\1\2", "not_json"),
    ],
)
def test_readings_what_is_none_is_refused_and_stops_no_other(payload: Any, code: str) -> None:
    readings, refused = read(message(payload), message({"celsius": 1}))
    assert [one.values["hot"][0] for one in readings] == [1.0]
    assert refused == [code]


@pytest.mark.parametrize("device", [None, "", "x" * 101, "a\nb", True, {}])
def test_readings_without_a_device_are_refused(device: Any) -> None:
    assert read(message({"d": device, "celsius": 1}), transport=mqtt(device="d")) == ([], ["no_device"])


def test_readings_a_message_that_was_cut_is_too_large() -> None:
    huge = MqttMessage(topic=TOPIC, payload=b'{"celsius": 99', qos=1, mid=1, retained=False, bytes=10_000_000)
    assert read(huge) == ([], ["too_large"])


def alarms(*rules: dict[str, Any]) -> Alarms:
    return Alarms(mqtt=mqtt(*rules), states={}, seen_at={}, about={}, changed=set(), news=[])


def take(state: Alarms, celsius: float, seconds: int) -> list[str]:
    (reading,), _ = read(message({"celsius": celsius, "at": "2031-01-01"}), transport=state.mqtt)
    state.take(reading, AT + timedelta(seconds=seconds))
    return [one.known_by for one in state.news]


def test_readings_a_quiet_device_needs_no_row_and_an_alarm_tells_what_its_reading_said() -> None:
    state = alarms(HOT)
    take(state, 20, 0)
    assert not state.changed
    take(state, 95, 1)
    (news,) = state.news
    number = f"pump-1/hot/{int(AT.timestamp()) + 1}"
    document = orjson.loads(news.body)
    assert (news.known_by, document["celsius"], document["_topic"]["site"]) == (f"{number}/open", 95, "sh1")
    assert document["_alarm"] == {
        "state": "open", "device": "pump-1", "cause": "hot", "number": number, "value": 95.0,
        "since": "2026-11-29T12:00:01+00:00", "times": 0, "closes": False,
    }  # fmt: skip
    assert closing(news) is None
    take(state, 20, 2)
    of_number, body = closing(state.news[1]) or ("", b"")
    assert (of_number, orjson.loads(body)["_alarm"]["closes"]) == (number, True)


def test_readings_silence_opens_once_and_any_reading_ends_it() -> None:
    state = alarms(SILENT)
    take(state, 20, 0)
    key = ("pump-1", "silent")
    for seconds in (70, 80):
        state.fell_silent(key, state.mqtt.alarms[0], AT + timedelta(seconds=seconds))
    news = take(state, 20, 90)
    assert [one.rpartition("/")[2] for one in news] == ["open", "over"]
    assert orjson.loads(state.news[0].body)["_topic"]["device"] == "pump-1"


def test_readings_what_was_heard_is_written_now_and_then_alone() -> None:
    state = alarms(SILENT)
    for seconds in range(6):
        take(state, 20, seconds)
    assert state.seen_at[("pump-1", "silent")] == AT
    take(state, 20, 6)
    assert state.seen_at[("pump-1", "silent")] == AT + timedelta(seconds=6)


def test_readings_time_alone_opens_and_ends_an_alarm_with_the_reading_that_began_it() -> None:
    state = alarms({**HOT, "for_s": 60, "back_for_s": 60})
    key, (rule,) = ("pump-1", "hot"), state.mqtt.alarms
    for celsius, begun in ((95, 0), (70, 100)):
        take(state, celsius, begun)
        told = len(state.news)
        state.time_passed(key, rule, AT + timedelta(seconds=begun + 59))
        assert len(state.news) == told
        state.time_passed(key, rule, AT + timedelta(seconds=begun + 60))
        document = orjson.loads(state.news[told].body)
        about = document["_alarm"]
        assert (document["celsius"], document["_topic"]["site"], about["value"]) == (celsius, "sh1", celsius)
        assert about["since"] == (AT + timedelta(seconds=begun)).isoformat()
        assert state.about[key] == {}
    assert [one.known_by.rpartition("/")[2] for one in state.news] == ["open", "over"]


def test_readings_time_ends_an_alarm_that_the_map_had_as_silence_before() -> None:
    state = alarms({**HOT, "back_for_s": 60})
    key, (rule,) = ("pump-1", "hot"), state.mqtt.alarms
    state.states[key] = DeviceAlarm(phase=Phase.FALLING, since=AT)
    state.seen_at[key], state.about[key] = AT, {"site": "sh1"}
    state.time_passed(key, rule, AT + timedelta(seconds=60))
    document = orjson.loads(state.news[0].body)
    assert (document["_topic"], document["_alarm"]["value"]) == ({"site": "sh1"}, None)


def test_readings_a_device_that_is_heard_is_noted_once_a_day_whatever_it_says() -> None:
    state = alarms(HOT)
    key = ("pump-1", "hot")
    take(state, 95, 0)
    (other,), _ = read(message({"bar": 3}), transport=state.mqtt)
    for seconds, seen in ((3_600, 0), (86_400, 86_400), (90_000, 86_400)):
        state.take(other, AT + timedelta(seconds=seconds))
        assert state.seen_at[key] == AT + timedelta(seconds=seen)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"topics": ["plant/#/up"]}, "the last level"),
        ({"topics": ["plant/a{b}"]}, "whole level"),
        ({"topics": ["{a}/{a}"]}, "different names"),
        ({"device": None}, "go together"),
        ({"alarms": [HOT, HOT]}, "its own"),
        ({"alarms": [{**HOT, "below": 3}]}, "one of"),
        ({"alarms": [{"cause": "hot", "above": 3}]}, "want `value`"),
        ({"alarms": [{**HOT, "back_below": 90}]}, "no more"),
        ({"alarms": [{**SILENT, "for_s": 3}]}, "without `for_s`"),
        ({"version": "4"}, "3.1.1"),
        ({"alarms": [], "device": None}, "a `field` is needed"),
        ({"login": "bus:password"}, "login"),
    ],
)
def test_readings_a_map_that_cannot_be_is_refused(changed: dict[str, Any], says: str) -> None:
    mapped = map_of(SensorSimulator(), more=changed)
    with pytest.raises(SourceMapInvalid, match=says):
        read_map(yaml.safe_dump(mapped))
