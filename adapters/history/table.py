"""A map bound to the header of one file: cells by position, times parsed, words read. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from adapters.csv_form import trimmed
from adapters.history.map_file import HistoryMap, RowMeaning, Shows
from adapters.history.rows import HistoryUnreadable
from bus.domain.errors import MalformedInput
from bus.domain.naming import nearest
from bus.domain.phone_numbers import as_dialled
from bus.domain.terms import KeyKind, State, WaitingFor
from bus.domain.text import Text
from bus.domain.values import Customer, IncidentKey
from bus.intake.reserved_names import person_name

YEAR_MIN = 1990  # no system to import from is older; before it lie the zeros of clocks: 1899, 1900, 1970, 1980
TIMES_KEPT = 16_384  # a log shows the same minute in many rows, and parsing it costs more than all else
NUMBER_LENGTH_MAX = 200  # it becomes part of an index entry
PLACE_MAX = 2**63 - 1
_WHOLE_NUMBER = re.compile(r"(\d{1,19})(?:\.0+)?", re.ASCII)  # spreadsheets write 3 as 3.0
_ROUNDED = re.compile(r"\d(?:\.\d+)?E\+?\d{1,3}", re.ASCII | re.IGNORECASE)  # a long number, as spreadsheets show it
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
TIMES = ("updated_at", "opened_at", "assigned_at", "resolved_at", "closed_at")
HEADER_LENGTH_MAX = 300  # of what is shown of a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a row shows of its ticket: the state it is in, whom it waits for, and who is responsible (or nobody)."""

    state: State
    waiting_for: WaitingFor | None
    person: str


class BoundTable:
    """Reads the cells of rows that stand under one header."""

    def __init__(self, mapped: HistoryMap, header: Sequence[str]) -> None:
        """Find the map's columns. Raises HistoryUnreadable, naming every column that the file lacks or has twice."""
        at = _positions(mapped, header)
        columns, customer = mapped.columns, mapped.customer
        self.map = mapped
        self.header = tuple(header)
        self._number, self.word = at[columns.number], at[columns.state]
        self.assigned_to = at.get(columns.assigned_to)
        self._time_columns = {name: at.get(getattr(columns, name)) for name in TIMES}
        self._actor, self._opener = at.get(columns.actor), at.get(columns.opener)
        self._title = tuple(at.get(name) for name in mapped.title)
        self._skills = tuple(at.get(name) for name in mapped.skills)
        self._region, self._priority = at.get(mapped.region), at.get(mapped.priority)
        self._description, self._serial = at.get(mapped.description), at.get(mapped.serial)
        self._product, self._batch = at.get(mapped.product), at.get(mapped.batch)
        self._customer_ref = at.get(mapped.customer_ref)
        self._customer = (at.get(customer.name), at.get(customer.phone), at.get(customer.address))
        self._key = at.get(mapped.incident_key.column) if mapped.incident_key else None
        self._missing_words = frozenset(map(trimmed, mapped.missing))
        self._order = at.get(mapped.order)
        self._bookkeeping = frozenset(mapped.bookkeeping)
        self._shown = {word: (shows, None) for word, shows in mapped.states.items()} | {
            word: (Shows.ACTIVE, waiting_for) for word, waiting_for in mapped.waiting.items()
        }
        self.words = frozenset((*header, *self._shown, mapped.csv.delimiter))  # none of them is a cell's content alone
        self._time = lru_cache(TIMES_KEPT)(mapped.time.read)

    def cell(self, values: Sequence[str], position: int | None) -> str:
        """Read a cell without blanks around it; what is missing at the source, or has no column, is empty."""
        value = "" if position is None else trimmed(values[position])
        return "" if value in self._missing_words else value

    def seen(self, values: Sequence[str]) -> Seen:
        """Read what the row shows. Raises MalformedInput on a word that the map does not know, or no person's name."""
        word = trimmed(values[self.word])
        shown = self._shown.get(word)
        if shown is None:
            raise self._unknown_word(word)
        person = self._person(values, self.assigned_to)
        shows, waiting_for = shown
        match shows:
            case Shows.NEW:
                state = State.ASSIGNED if person else State.PENDING
            case Shows.QUEUED:
                state, person = State.PENDING, ""
            case Shows.ACTIVE:
                state = State.IN_PROGRESS
            case Shows.RESOLVED:
                state = State.RESOLVED
            case Shows.CLOSED:
                state = State.CLOSED
        return Seen(state=state, waiting_for=waiting_for, person=person)

    def updated_at(self, values: Sequence[str]) -> datetime:
        """Read when the row was written, in UTC. Raises MalformedInput."""
        if time := self.time(values, "updated_at"):
            return time
        raise self.missing(self.map.columns.updated_at or "updated_at")

    def time_text(self, values: Sequence[str]) -> str:
        """Give when the row was written as the source writes it."""
        return self.cell(values, self._time_columns["updated_at"])

    def opened_at(self, values: Sequence[str]) -> datetime | None:
        """Read when the incident was opened, in UTC, if the source knows. Raises MalformedInput."""
        return self.time(values, "opened_at")

    def time(self, values: Sequence[str], name: str) -> datetime | None:
        """Read the time in the column that the map calls `name`, in UTC, if the row has one. Raises MalformedInput."""
        position = self._time_columns[name]
        text = self.cell(values, position)
        return self._read_time(text, self.header[position]) if text and position is not None else None

    def column(self, name: str) -> str:
        """Name the column of a time as the file does, by what the map calls it."""
        position = self._time_columns[name]
        return name if position is None else self.header[position]

    def place(self, values: Sequence[str]) -> int:
        """Give a row's place among those of its ticket: the map's `order` column, else its time in microseconds.

        Raises MalformedInput.
        """
        if self._order is None:
            return _microseconds(self.updated_at(values))
        column = self.header[self._order]
        text = self.cell(values, self._order)
        if not text:
            raise self.missing(column)
        found = _WHOLE_NUMBER.fullmatch(text)
        if not found or (place := int(found[1])) > PLACE_MAX:
            zh, en = f"“{text}”不是顺序号(整数)", f"{text!r} is not a whole number, by which rows could be put in order"
            raise MalformedInput("bad_order", column, zh, en)
        return place

    def number_of(self, values: Sequence[str]) -> str:
        """Read the source's number. Raises MalformedInput when there is none, or none that can be one."""
        number = self.cell(values, self._number)
        if not number:
            raise self.missing(self.map.columns.number)
        if len(number) > NUMBER_LENGTH_MAX:
            zh, en = f"单号超过 {NUMBER_LENGTH_MAX} 个字符", f"the number is longer than {NUMBER_LENGTH_MAX} characters"
            raise MalformedInput("too_long", self.map.columns.number, zh, en)
        if _ROUNDED.fullmatch(number):
            zh = f"单号 {number} 是电子表格的科学计数,原来的数字已丢失:请以文本格式重新导出"
            en = f"{number} is a number as spreadsheets shorten it, its digits are lost: export the column as text"
            raise MalformedInput("rounded_number", self.map.columns.number, zh, en)
        return number

    def actor(self, values: Sequence[str]) -> str:
        """Name who wrote the row, or nobody. Raises MalformedInput on the bus's own name."""
        return self._person(values, self._actor)

    def opener(self, values: Sequence[str]) -> str:
        """Name who opened the incident, or nobody. Raises MalformedInput on the bus's own name."""
        return self._person(values, self._opener)

    def has_key(self, values: Sequence[str]) -> bool:
        """Say whether the row has an incident key of the map's column, which other tickets may have too."""
        return bool(self.cell(values, self._key))

    def begins_at(self, values: Sequence[str]) -> int | None:
        """Give the time of a row's first step in microseconds, if it has one. Raises MalformedInput."""
        time = self.time(values, "opened_at" if self.map.row is RowMeaning.TICKET else "updated_at")
        return _microseconds(time) if time else None

    def incident_key(self, values: Sequence[str]) -> IncidentKey:
        """Read what the incident is about: the map's key, else one of the source and its number, which no other has.

        Raises MalformedInput.
        """
        if self.map.incident_key and (value := self.cell(values, self._key)):
            kind = self.map.incident_key.kind
            return IncidentKey(kind=kind, value=as_dialled(value) if kind is KeyKind.PHONE else value)
        return IncidentKey(kind=KeyKind.ORDER, value=f"{self.map.source}:{self.number_of(values)}")

    def customer(self, values: Sequence[str]) -> Customer:
        """Read who reported."""
        name, phone, address = (self.cell(values, position) for position in self._customer)
        return Customer(name=name, phone=as_dialled(phone), address=address)

    def description(self, values: Sequence[str]) -> str:
        """Read the report in full."""
        return self.cell(values, self._description)

    def serial(self, values: Sequence[str]) -> str:
        """Read the device's serial number."""
        return self.cell(values, self._serial)

    def product(self, values: Sequence[str]) -> str:
        """Read the product."""
        return self.cell(values, self._product)

    def batch(self, values: Sequence[str]) -> str:
        """Read the batch that it was made in."""
        return self.cell(values, self._batch)

    def customer_ref(self, values: Sequence[str]) -> str:
        """Read the source's own number of the customer."""
        return self.cell(values, self._customer_ref)

    def title(self, values: Sequence[str]) -> str:
        """Join the columns that describe the incident, in one line whatever breaks them."""
        return " · ".join(filter(None, (" ".join(self.cell(values, position).split()) for position in self._title)))

    def skills(self, values: Sequence[str]) -> tuple[str, ...]:
        """List what the work asks for."""
        return tuple(filter(None, (self.cell(values, position) for position in self._skills)))

    def region(self, values: Sequence[str]) -> str:
        """Name where it happened."""
        return self.cell(values, self._region)

    def priority(self, values: Sequence[str]) -> str:
        """Name how urgent the source held it."""
        return self.cell(values, self._priority)

    def changed(self, before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
        """Name the columns that differ; those that change with every row only when nothing else does."""
        pairs = zip(self.header, before, after, strict=True)
        differ = tuple(name for name, one, other in pairs if trimmed(one) != trimmed(other))
        return tuple(name for name in differ if name not in self._bookkeeping) or differ

    def _person(self, values: Sequence[str], position: int | None) -> str:
        return person_name(self.cell(values, position), self.header[position]) if position is not None else ""

    def _read_time(self, text: str, column: str) -> datetime:
        try:
            time = self._time(text)
        except (ValueError, OverflowError) as error:
            form = self.map.time
            zh, en = f"“{text}”不符合时间格式 {form}", f"{text!r} is not a time written as {form}"
            raise MalformedInput("bad_time", column, zh, en) from error
        if time.year >= YEAR_MIN:
            return time
        zh = f"“{text}”早于 {YEAR_MIN} 年;若表示没有时间,请把它写进对照表的 missing"
        en = f"{text!r} lies before {YEAR_MIN}; if it stands for no time, list it in the map's `missing`"
        raise MalformedInput("out_of_range", column, zh, en)

    def _unknown_word(self, word: str) -> MalformedInput:
        close = nearest(word, self._shown)
        zh, en = (f";最接近的是“{close}”", f"; the nearest is {close!r}") if close else ("", "")
        return MalformedInput(
            "unknown_state_word",
            self.map.columns.state,
            f"对照表里没有状态“{word}”{zh}",
            f"the map knows no state {word!r}{en}",
            nearest=close,
        )

    def missing(self, column: str) -> MalformedInput:
        """Say that a row has nothing in a column that it needs."""
        return MalformedInput("missing", column, f"缺少“{column}”", f"{column!r} is missing")


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _positions(mapped: HistoryMap, header: Sequence[str]) -> dict[str | None, int]:
    """Find each column of the map that the file has. Raises HistoryUnreadable."""
    if absent := [name for name in mapped.names if name not in header and name not in mapped.optional]:
        close = (f"{name}{f' (is it {like!r}?)' if (like := nearest(name, header)) else ''}" for name in absent)
        line = mapped.csv.delimiter.join(header)
        why = mapped.csv.other_delimiter(line) or Text(
            f"表头是 {line[:HEADER_LENGTH_MAX]}", f"its header is {line[:HEADER_LENGTH_MAX]}"
        )
        raise HistoryUnreadable(
            f"文件缺少对照表里的列:{'、'.join(absent)};{why.zh} / "
            f"the file lacks columns that the map speaks of: {', '.join(close)}; {why.en}"
        )
    if twice := [name for name in mapped.names if header.count(name) > 1]:
        raise HistoryUnreadable(
            f"表头里有重复的列,分不清是哪一列:{'、'.join(twice)} / the header has columns twice, so that it is open "
            f"which is meant: {', '.join(twice)}; rename or delete one of each in the file"
        )
    return {name: header.index(name) for name in mapped.names if name in header}
