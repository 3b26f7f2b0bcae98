"""The map of a history file: which column is which field, which word which value, and what the source lacks.

Where a field's value comes from is a column's name, a text, in every place alike.
"""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from adapters.csv_form import CsvForm, trimmed
from adapters.map_faults import fault, faults
from adapters.time_form import TimeForm, listed
from bus.config_file import OnceLoader
from bus.domain.errors import BusError
from bus.domain.naming import kebab, nearest
from bus.domain.terms import KeyKind, WaitingFor
from bus.domain.transitions import TRANSITIONS
from bus.intake.reserved_names import is_reserved

Column = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Column, ...], BeforeValidator(listed)]
SOURCE_LENGTH_MAX = 54  # with a number of 200 characters it makes an incident key of 255


class MapInvalid(BusError):
    """A map file cannot be used; the message names the file and each field at fault."""


class Shows(StrEnum):
    """What a word in the state column can say about a ticket that waits for nobody. `queued`: nobody has it."""

    NEW = "new"
    QUEUED = "queued"
    ACTIVE = "active"
    RESOLVED = "resolved"
    CLOSED = "closed"


class RowMeaning(StrEnum):
    """What a row of the file is: a change of a ticket, or a ticket with the times of its steps."""

    CHANGE = "change"
    TICKET = "ticket"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyColumn(_Part):
    """Where the incident key is, and what it is: a serial, an order or a phone."""

    kind: KeyKind
    column: Column


class CustomerColumns(_Part):
    """Where the reporter is; personal data."""

    name: Column | None = None
    phone: Column | None = None
    address: Column | None = None


class Columns(_Part):
    """The columns that tell the history; those of times other than `updated_at` are of a file of one row a ticket."""

    number: Column
    state: Column
    updated_at: Column | None = None
    opened_at: Column | None = None
    assigned_at: Column | None = None
    resolved_at: Column | None = None
    closed_at: Column | None = None
    assigned_to: Column | None = None
    actor: Column | None = None
    opener: Column | None = None


def _stripped(words: object) -> object:
    """Trim words as cells are."""
    if isinstance(words, Mapping):
        return {trimmed(word) if isinstance(word, str) else word: meaning for word, meaning in words.items()}
    return words


class HistoryMap(_Part):
    """One source's history, as its map file says. Words and names are checked when it is read."""

    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=SOURCE_LENGTH_MAX)]
    ticket_type: Annotated[str, Field(min_length=1)]
    csv: CsvForm = CsvForm()
    row: RowMeaning = RowMeaning.CHANGE
    incident_key: KeyColumn | None = None
    missing: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    time: TimeForm
    columns: Columns
    optional: Names = ()
    title: Names = ()
    description: Column | None = None
    serial: Column | None = None
    customer: CustomerColumns = CustomerColumns()
    region: Column | None = None
    priority: Column | None = None
    product: Column | None = None
    batch: Column | None = None
    customer_ref: Column | None = None
    skills: Names = ()
    states: Annotated[Mapping[str, Shows], BeforeValidator(_stripped)]
    waiting: Annotated[Mapping[str, WaitingFor], BeforeValidator(_stripped)] = {}
    bookkeeping: Names = ()
    waived: Mapping[str, Annotated[tuple[str, ...], BeforeValidator(listed)]]
    order: Column | None = None  # counts the changes of a ticket; without it time puts its rows in order

    @field_validator("source")
    @classmethod
    def _source_is_not_the_bus(cls, source: str) -> str:
        if is_reserved(source):
            raise fault(f"“{source}”是总线自己的名字", f"{source!r} is the bus's own name")
        return source

    @field_validator("incident_key", mode="before")
    @classmethod
    def _a_key_names_its_column(cls, key: object) -> object:
        if isinstance(key, str):
            raise fault(
                f"请写明哪一列是唯一标识:`incident_key: {{kind: {key}, column: …}}`;文件里没有就不写,"
                "流水号不是唯一标识:这时由来源和单号组成",
                f"say which column is the key: `incident_key: {{kind: {key}, column: …}}`; leave incident_key out when "
                "the file has none, a running number is none: a ticket's key is then made of source and number",
            )
        return key

    @field_validator("waived")
    @classmethod
    def _deliverables_exist(cls, waived: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        needs: dict[str, set[str]] = {}
        for (_, needing), duty in TRANSITIONS.items():
            needs.setdefault(kebab(needing), set()).update(duty.needs)
        for command, names in waived.items():
            if command not in needs:
                zh, en = f"没有命令“{command}”", f"there is no command {command!r}"
                raise _unknown(zh, en, command, needs)
            for name in names:
                if name not in needs[command]:
                    raise _unknown(f"{command} 不需要“{name}”", f"{command} needs no {name!r}", name, needs[command])
        return waived

    @model_validator(mode="after")
    def _words_mean_one_thing(self) -> Self:
        if both := self.states.keys() & self.waiting.keys():
            zh = f"{'、'.join(sorted(both))} 同时写在 states 和 waiting 里"
            raise fault(zh, f"{sorted(both)} stand in states and in waiting")
        return self

    @model_validator(mode="after")
    def _times_fit_the_rows(self) -> Self:
        columns = self.columns
        if self.row is RowMeaning.TICKET:
            if not columns.opened_at:
                raise fault(
                    "columns.opened_at: 一行一张工单时必填", "columns.opened_at: a file of one row a ticket needs it"
                )
        elif not columns.updated_at:
            raise fault(
                "columns.updated_at: 一行一次变更时必填;一行一张工单请写 row: ticket",
                "columns.updated_at: a file of one row a change needs it; of one a ticket, write row: ticket",
            )
        elif alone := [name for name in ("assigned_at", "resolved_at", "closed_at") if getattr(columns, name)]:
            raise fault(
                f"columns.{alone[0]}: 只用于一行一张工单;若是,请写 row: ticket",
                f"columns.{alone[0]}: is of a file of one row a ticket; if this is one, write row: ticket",
            )
        return self

    @model_validator(mode="after")
    def _optional_columns_are_of_the_map(self) -> Self:
        needed = (self.columns.number, self.columns.state)
        for name in self.optional:
            if name in needed:
                zh = f"optional: “{name}”是单号或状态列,不能缺"
                raise fault(zh, f"optional: {name!r} is needed, it tells tickets or their states")
            if name not in self.names:
                zh, en = f"optional: 对照表没有用到列“{name}”", f"optional: the map uses no column {name!r}"
                raise _unknown(zh, en, name, set(self.names))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that the map speaks of."""
        one_each = (*self.columns.model_dump().values(), *self.customer.model_dump().values())
        of_ticket = (self.description, self.serial, self.region, self.priority, self.order)
        of_device = (self.product, self.batch, self.customer_ref)
        key = self.incident_key.column if self.incident_key else None
        names = (*one_each, *of_ticket, *of_device, key, *self.title, *self.skills, *self.bookkeeping)
        return tuple(dict.fromkeys(filter(None, names)))


class _PlainLoader(OnceLoader):
    """Reads words as they are written: `no`, `7`, `007` and `2026-01-01` are texts, as they are in a CSV file."""

    yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("^<<$"))]}  # noqa: RUF012 - PyYAML's own


def load_map(path: Path, ticket_types: Collection[str] | None = None) -> HistoryMap:
    """Read and check a map file. Raises MapInvalid, naming every field at fault at once.

    `ticket_types`: those of the rules; None when they are not known here.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        mapped = HistoryMap.model_validate(yaml.load(text, _PlainLoader))  # noqa: S506 - it is a safe one
    except OSError as error:
        raise MapInvalid(f"{path}: 无法打开 / cannot be opened: {error.strerror}") from error
    except RecursionError:
        raise MapInvalid(f"{path}: 嵌套太深 / nested too deep") from None
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MapInvalid(f"{path}: 第 {line} 行有误 / line {line}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MapInvalid(f"{path}: 不是 UTF-8 的 YAML / not YAML in UTF-8: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise MapInvalid(f"{path}: {faults(error)}") from error
    if ticket_types is not None and mapped.ticket_type not in ticket_types:
        zh, en = f"没有类型“{mapped.ticket_type}”", f"there is no type {mapped.ticket_type!r}"
        close, known = _unknown(zh, en, mapped.ticket_type, set(ticket_types)), ", ".join(sorted(ticket_types))
        raise MapInvalid(f"{path}: ticket_type: {close}; 现有 there are {known}")
    return mapped


def _unknown(zh: str, en: str, word: str, known: set[str] | dict[str, set[str]]) -> ValueError:
    """Make the fault of a word that is not known, with the nearest that is."""
    close = nearest(word, known)
    return fault(f"{zh},是否指“{close}”", f"{en}; did you mean {close!r}?") if close else fault(zh, en)
