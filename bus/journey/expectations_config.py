"""The expectations file, typed: after which events, which hop is expected where, and within how long."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, RootModel, model_validator

from bus.config_file import ConfigFileInvalid, EventName, Events, FileModel, in_form, read_yaml
from bus.domain.naming import dotted, nearest
from bus.domain.text import Text
from bus.duration import Duration
from schemas.catalogue import EVENT_NAMES, EVENT_TYPES

WITHIN_MAX: Final = timedelta(days=30)


class ExpectedHop(StrEnum):
    """The hops that can be expected."""

    PUBLISHED = "published"  # on a topic
    PROJECTED = "projected"  # by a handler of the log
    DELIVERED = "delivered"  # to a target; an engineer's app is one, which acknowledges
    ACTED_ON = "acted_on"  # by a later event


ExpectationName = Annotated[
    str,
    in_form(
        r"[a-z][a-z0-9_]{0,47}",
        Text(
            "名称由小写字母、数字和下划线组成,以字母开头,最多 48 个字符",
            "a name is lower-case letters, digits and _, begins with a letter and has at most 48 characters",
        ),
    ),
]
_Places = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given), Field(min_length=1)
]


class Expectation(FileModel):
    """One expectation. `at`: a topic, handler or target; of `acted_on` the later events, of which one is enough.

    `unless`: later events of the ticket after which it is expected no more, such as a handover. `learned`: `within` is
    the least that the limit may be, which else is twice the p99 of how long the hop took lately.
    """

    after: Events
    hop: ExpectedHop
    at: _Places
    within: Annotated[Duration, Field(ge=timedelta(seconds=1), le=WITHIN_MAX)]
    unless: tuple[EventName, ...] = ()
    learned: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len(self.at) > 1 and self.hop is not ExpectedHop.ACTED_ON:
            raise ValueError(f"at names {len(self.at)} places, and only acted_on may: write an expectation for each")
        return self


class _Expectations(RootModel[dict[ExpectationName, Expectation]]):
    """The expectations by name."""


Expectations = Mapping[str, Expectation]
_TYPES: Final = {one.cls.__name__: dotted(one.cls) for one in EVENT_TYPES}


def place_of(expectation: Expectation) -> str:
    """Give the place as rows have it: the topic, handler or target, or the types of the events awaited. Pure."""
    return ", ".join(map(type_of, expectation.at)) if expectation.hop is ExpectedHop.ACTED_ON else expectation.at[0]


def type_of(event: str) -> str:
    """Give the dotted type of an event by its name. Pure."""
    return _TYPES[event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where hops can be expected: of each topic and target the events that go there, and the handlers of the log."""

    topics: Mapping[str, Collection[str]]
    handlers: Collection[str]
    targets: Mapping[str, Collection[str]]


def load_expectations(path: Path | None, places: Places) -> Expectations:
    """Read a file, or else the shipped one. Raises ConfigFileInvalid, naming every place that cannot be expected."""
    with resources.as_file(resources.files("schemas").joinpath("expectations.yaml")) as shipped:
        file = path or shipped
        expectations = read_yaml(file, _Expectations).root
    faults = [f"{name}.{fault}" for name, one in expectations.items() if (fault := _fault(one, places))]
    if faults:
        raise ConfigFileInvalid(f"{file}: {'; '.join(faults)}")
    return expectations


def _fault(expectation: Expectation, places: Places) -> str | None:
    """Say why nothing can ever come where it is expected; None if it can."""
    match expectation.hop:
        case ExpectedHop.ACTED_ON:
            return _unknown(expectation.at, EVENT_NAMES, "event")
        case ExpectedHop.PROJECTED:
            return _unknown(expectation.at, places.handlers, "handler")
        case ExpectedHop.PUBLISHED:
            return _unknown(expectation.at, places.topics, "topic") or _left_out(expectation, places.topics)
        case _:
            return _unknown(expectation.at, places.targets, "target") or _left_out(expectation, places.targets)


def _unknown(given: Collection[str], known: Collection[str], what: str) -> str | None:
    for name in given:
        if name not in known:
            close = nearest(name, known)
            meant = f"did you mean {close!r}?" if close else f"there are {', '.join(sorted(known)) or 'none'}"
            return f"at: there is no {what} {name!r}; {meant}"
    return None


def _left_out(expectation: Expectation, takes: Mapping[str, Collection[str]]) -> str | None:
    place = expectation.at[0]
    strange = sorted({*expectation.after} - {*takes[place]})
    return f"after: {place} does not take {', '.join(strange)}" if strange else None
