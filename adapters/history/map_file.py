"""The map of a history file: which column is which field, which word which value, and what the source lacks."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from bus.domain.errors import BusError
from bus.domain.naming import kebab, nearest
from bus.domain.terms import KeyKind, WaitingFor
from bus.domain.transitions import TRANSITIONS
from bus.intake.reserved_names import is_reserved

Column = Annotated[str, Field(min_length=1)]


class MapInvalid(BusError):
    """A map file cannot be used; the message names the file and each field at fault."""


class Shows(StrEnum):
    """What a word in the state column can say about a ticket that waits for nobody."""

    NEW = "new"
    ACTIVE = "active"
    RESOLVED = "resolved"
    CLOSED = "closed"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _zone(name: object) -> object:
    try:
        return ZoneInfo(name) if isinstance(name, str) else name
    except (KeyError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


class TimeFormat(_Part):
    """How times are written, and in which zone."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    format: str
    zone: Annotated[ZoneInfo, BeforeValidator(_zone)]


class Columns(_Part):
    """The columns that every history has; `actor` and `opener` may be unknown to a row."""

    number: Column
    state: Column
    updated_at: Column
    opened_at: Column
    assigned_to: Column
    actor: Column
    opener: Column


class HistoryMap(_Part):
    """One source's history, as its map file says. Words and names are checked when it is read."""

    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    ticket_type: Annotated[str, Field(min_length=1)]
    incident_key: KeyKind
    missing: str
    time: TimeFormat
    columns: Columns
    title: Annotated[tuple[Column, ...], Field(min_length=1)]
    region: Column
    priority: Column
    skills: tuple[Column, ...] = ()
    states: Mapping[str, Shows]
    waiting: Mapping[str, WaitingFor]
    bookkeeping: tuple[Column, ...] = ()
    waived: Mapping[str, tuple[str, ...]]
    order: Column | None = None  # counts the changes of a ticket; without it time puts its rows in order

    @field_validator("source")
    @classmethod
    def _source_is_not_the_bus(cls, source: str) -> str:
        if is_reserved(source):
            raise ValueError(f"{source!r} is the bus's own name")
        return source

    @field_validator("waived")
    @classmethod
    def _deliverables_exist(cls, waived: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        needs: dict[str, set[str]] = {}
        for (_, needing), duty in TRANSITIONS.items():
            needs.setdefault(kebab(needing), set()).update(duty.needs)
        for command, names in waived.items():
            if command not in needs:
                raise ValueError(f"there is no command {command!r}{_meant(command, needs)}")
            for name in names:
                if name not in needs[command]:
                    raise ValueError(f"{command} needs no {name!r}{_meant(name, needs[command])}")
        return waived

    @model_validator(mode="after")
    def _words_mean_one_thing(self) -> Self:
        if both := self.states.keys() & self.waiting.keys():
            raise ValueError(f"{sorted(both)} stand in states and in waiting")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that the map speaks of."""
        columns = (*self.columns.model_dump().values(), *self.title, self.region, self.priority, *self.skills)
        order = (self.order,) if self.order else ()
        return tuple(dict.fromkeys((*columns, *order, *self.bookkeeping)))


def load_map(path: Path) -> HistoryMap:
    """Read and check a map file. Raises MapInvalid, naming every field at fault at once."""
    try:
        return HistoryMap.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise MapInvalid(f"{path}: {error.strerror}") from error
    except RecursionError:
        raise MapInvalid(f"{path}: nested too deep") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MapInvalid(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        raise MapInvalid(f"{path}: {'; '.join(faults)}") from error


def _meant(word: str, known: set[str] | dict[str, set[str]]) -> str:
    close = nearest(word, known)
    return f"; did you mean {close!r}?" if close else ""
