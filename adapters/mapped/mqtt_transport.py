"""What a map says of a source that is read over MQTT: the broker, the topics, and what makes an alarm."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from adapters.expressions import Jmes
from adapters.map_faults import fault
from adapters.mapping.field_values import MapPart
from adapters.time_form import listed
from bus.config_file import AbsolutePath, VariableName

TOPIC: Final = "_topic"
ALARM: Final = "_alarm"
_LEVEL: Final = re.compile(r"\{([a-z][a-z0-9_]{0,30})\}")
_NAME: Final = r"[a-z0-9][a-z0-9-]{0,31}"
WEEK_S: Final = 7 * 86_400


def _pattern(text: str) -> str:
    levels = text.split("/")
    names = [found.group(1) for level in levels if (found := _LEVEL.fullmatch(level))]
    plain = [level for level in levels if not _LEVEL.fullmatch(level) and level != "+"]
    if not text or len(text) > 500 or "\0" in text or any(set("+{}") & set(level) for level in plain):
        raise fault(
            "主题形如 plant/{site}/{device}/up,{名称} 或 + 占一整层",
            "a topic is such as plant/{site}/{device}/up; {name} or + is a whole level",
        )
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        raise fault("# 只能是最后一层", "# is the last level, alone")
    if len(names) != len(set(names)) or "name" in names:
        raise fault("层的名称不能重复,也不能是 name", "levels have different names, and none is `name`")
    return text


TopicPattern = Annotated[str, AfterValidator(_pattern)]


def subscribed(pattern: str) -> str:
    """Give the topic filter that MQTT knows: named levels are wildcards."""
    return "/".join("+" if _LEVEL.fullmatch(level) else level for level in pattern.split("/"))


def levels_of(topic: str, patterns: Sequence[str]) -> Mapping[str, str]:
    """Give the named levels of a topic by the first pattern that fits, and all of it as `name`. Pure."""
    given = topic.split("/")
    for pattern in patterns:
        levels = pattern.split("/")
        open_end = levels[-1] == "#"
        if open_end:
            levels = levels[:-1]
        if len(given) < len(levels) or (len(given) > len(levels) and not open_end):
            continue
        pairs = list(zip(levels, given, strict=False))
        if all(level == "+" or _LEVEL.fullmatch(level) or level == one for level, one in pairs):
            named = {found.group(1): one for level, one in pairs if (found := _LEVEL.fullmatch(level))}
            return {**named, "name": topic}
    return {"name": topic}


class SensorAlarm(MapPart):
    """What opens a ticket of a device, and what ends it: a value beyond a limit, or silence.

    `value`: in a reading, a number. `above`, `below`: beyond it is an alarm; it is back at `back_below` or
    `back_above`, and in between it stays as it is. It opens after `readings` in a row over at least `for_s`, ends once
    the value is back for `back_for_s`, and opens again `again_after_s` after that at the earliest. `silent_s`: no
    reading for so long.
    """

    cause: Annotated[str, Field(pattern=_NAME)]
    when: Jmes | None = None
    value: Jmes | None = None
    above: float | None = None
    below: float | None = None
    back_below: float | None = None
    back_above: float | None = None
    silent_s: Annotated[int | None, Field(ge=1, le=WEEK_S)] = None
    for_s: Annotated[int, Field(ge=0, le=WEEK_S)] = 0
    readings: Annotated[int, Field(ge=1, le=1_000)] = 1
    back_for_s: Annotated[int, Field(ge=0, le=WEEK_S)] = 300
    again_after_s: Annotated[int, Field(ge=0, le=WEEK_S)] = 0

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if sum(one is not None for one in (self.above, self.below, self.silent_s)) != 1:
            raise fault("写 above、below 或 silent_s 之一", "one of `above`, `below` and `silent_s` is meant")
        if (self.silent_s is None) == (self.value is None):
            raise fault(
                "above 和 below 需要 value;silent_s 不需要", "`above` and `below` want `value`; silence has none"
            )
        if self.silent_s is not None and (self.for_s or self.readings > 1 or self.when):
            raise fault("silent_s 不用 for_s、readings、when", "`silent_s` goes without `for_s`, `readings` and `when`")
        return self

    @model_validator(mode="after")
    def _comes_back_on_this_side(self) -> Self:
        wrong_side = self.back_below is not None and (self.above is None or self.back_below > self.above)
        if wrong_side or (self.back_above is not None and (self.below is None or self.back_above < self.below)):
            raise fault(
                "back_below 配 above 且不大于它;back_above 配 below 且不小于它",
                "`back_below` goes with `above` and is no more; `back_above` with `below` and no less",
            )
        return self


class MqttTls(MapPart):
    """TLS to the broker. `ca_file`: the authorities that are trusted, these alone; without it the system's."""

    ca_file: AbsolutePath | None = None
    client_certificate: AbsolutePath | None = None
    client_key: AbsolutePath | None = None


class Mqtt(MapPart):
    """A worker reads topics of an MQTT broker in a session of the source's own, and acknowledges after the commit.

    A message, or each of its `documents`, is a reading of a `device`; with `alarms` only what becomes of these is a
    document: the reading, with `_alarm`. A reading has its topic's levels under `_topic`. `login`: the variable that
    holds user:password.
    """

    kind: Literal["mqtt"]
    broker: Annotated[str, Field(pattern=r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?")]
    port: Annotated[int | None, Field(ge=1, le=65_535)] = None
    version: Annotated[Literal["3.1.1", "5"], BeforeValidator(str)] = "3.1.1"
    topics: Annotated[tuple[TopicPattern, ...], BeforeValidator(listed), Field(min_length=1, max_length=50)]
    qos: Literal[0, 1] = 1
    retained: bool = False
    client_id: Annotated[str | None, Field(pattern=r"[A-Za-z0-9._-]{1,64}")] = None
    session_s: Annotated[int, Field(ge=0, le=WEEK_S)] = 86_400
    tls: MqttTls | None = None
    login: VariableName | None = None
    device: Jmes | None = None
    alarms: Annotated[tuple[SensorAlarm, ...], Field(max_length=50)] = ()
    devices_max: Annotated[int, Field(ge=1, le=100_000)] = 20_000

    @model_validator(mode="after")
    def _alarms_are_of_devices(self) -> Self:
        if bool(self.alarms) != (self.device is not None):
            raise fault("alarms 和 device 一起写", "`alarms` and `device` go together")
        if len({one.cause for one in self.alarms}) < len(self.alarms):
            raise fault("alarms 的 cause 不能重复", "the `cause` of each alarm is its own")
        return self
