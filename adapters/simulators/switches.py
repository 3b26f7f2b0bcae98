"""The switches of a stand-in: named faults, turned on and off while it runs, by its command or by `POST /_switch`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text

TIMES_MAX: Final = 1_000_000
SWITCH_PATH: Final = "/_switch"
SEND_PATH: Final = "/_send"


class NoSuchSwitch(Exception):
    """What was asked for is no switch, or not said as one; its text says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A fault to show at the next `times` calls, None for all; at the services in `only`, or at any."""

    fault: str
    times: int | None = None
    only: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What a stand-in can do wrong: `faults` by name, and how they are turned. `state` says how it stands."""

    faults: Mapping[str, str]
    turn: Callable[[Turn], None]
    heal: Callable[[], None]
    state: Callable[[], Mapping[str, Any]]

    def turn_by_name(self, turn: Turn) -> None:
        """Turn a fault on. Raises NoSuchSwitch."""
        if turn.fault not in self.faults:
            close = nearest(turn.fault, self.faults)
            meant = did_you_mean(close)
            text = Text(f"没有开关 {turn.fault[:40]!r}{meant.zh}", f"there is no switch {turn.fault[:40]!r}{meant.en}")
            raise NoSuchSwitch(str(text))
        self.turn(turn)

    def answer(self, method: str, body: bytes) -> tuple[int, bytes]:
        """Answer `GET /_switch` with the switches and how things stand; `POST` turns one, or all off. Total."""
        try:
            if method == "POST":
                self._turn_by_request(body)
        except NoSuchSwitch as wrong:
            return 400, orjson.dumps({"detail": str(wrong), "faults": self.faults})
        return 200, orjson.dumps({**self.state(), "faults": self.faults})

    def _turn_by_request(self, body: bytes) -> None:
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            request = None
        match request:
            case {"off": True}:
                self.heal()
            case {"fault": str(fault), **rest}:
                self.turn_by_name(Turn(fault=fault, times=_times(rest.get("times")), only=_only(rest.get("only"))))
            case _:
                form = '{"fault": NAME, "times": 1, "only": [SERVICE]} / {"off": true}'
                raise NoSuchSwitch(str(Text(f"请求应为 {form}", f"send {form}")))


def switch_name(fault: StrEnum) -> str:
    """Name a fault as people write it; its value says what it does."""
    return fault.name.lower().replace("_", "-")


def switch_names(faults: Iterable[StrEnum]) -> Mapping[str, str]:
    """Name faults, with what each does."""
    return {switch_name(fault): fault.value for fault in faults}


def turn_of(text: str) -> Turn:
    """Read a switch as a command line has it: NAME, NAME=TIMES, NAME=TIMES@SERVICE,SERVICE. Raises NoSuchSwitch."""
    rest, _, only = text.partition("@")
    fault, _, times = rest.partition("=")
    if times and not (times.isascii() and times.isdigit() and len(times) < 7):
        raise NoSuchSwitch(str(Text(f"次数应为数字:{times[:40]!r}", f"how often is a number, not {times[:40]!r}")))
    return Turn(fault=fault, times=_times(int(times) if times else None), only=[one for one in only.split(",") if one])


def _times(given: object) -> int | None:
    if given is None or (isinstance(given, int) and 1 <= given <= TIMES_MAX):
        return given
    raise NoSuchSwitch(str(Text("times 应为正整数", "times is a positive whole number")))


def _only(given: object) -> Sequence[str]:
    if given is None or (isinstance(given, list) and all(isinstance(one, str) for one in given)):
        return given or ()
    raise NoSuchSwitch(str(Text("only 应为服务名的列表", "only is a list of services")))
