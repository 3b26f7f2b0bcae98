"""A map bound to the header of one file: cells by position, times parsed, words read. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from adapters.history.map_file import HistoryMap, Shows
from adapters.history.rows import HistoryUnreadable
from bus.domain.errors import MalformedInput
from bus.domain.naming import nearest
from bus.domain.terms import State, WaitingFor
from bus.intake.reserved_names import person_name

TIMES_KEPT = 16_384  # a log shows the same minute in many rows, and parsing it costs more than all else
NUMBER_LENGTH_MAX = 200  # it becomes part of an index entry
PLACE_MAX = 2**63 - 1
_WHOLE_NUMBER = re.compile(r"(\d{1,19})(?:\.0+)?", re.ASCII)  # spreadsheets write 3 as 3.0
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a row shows of its ticket: the state it is in, whom it waits for, and who is responsible (or nobody)."""

    state: State
    waiting_for: WaitingFor | None
    person: str


class BoundTable:
    """Reads the cells of rows that stand under one header."""

    def __init__(self, mapped: HistoryMap, header: Sequence[str]) -> None:
        """Find the map's columns. Raises HistoryUnreadable, naming every column that the file lacks."""
        if absent := [name for name in mapped.names if name not in header]:
            close = (f"{name}{f' (is it {like!r}?)' if (like := nearest(name, header)) else ''}" for name in absent)
            raise HistoryUnreadable(f"the file lacks columns that the map speaks of: {', '.join(close)}")
        at = {name: position for position, name in enumerate(header)}
        columns = mapped.columns
        self.map = mapped
        self.header = tuple(header)
        self._number, self.word, self.assigned_to = at[columns.number], at[columns.state], at[columns.assigned_to]
        self._updated_at, self._opened_at = at[columns.updated_at], at[columns.opened_at]
        self._actor, self._opener = at[columns.actor], at[columns.opener]
        self._title = tuple(at[name] for name in mapped.title)
        self._skills = tuple(at[name] for name in mapped.skills)
        self._region, self._priority = at[mapped.region], at[mapped.priority]
        self._order = at[mapped.order] if mapped.order else None
        self._bookkeeping = frozenset(mapped.bookkeeping)
        self._shown = {word: (shows, None) for word, shows in mapped.states.items()} | {
            word: (Shows.ACTIVE, waiting_for) for word, waiting_for in mapped.waiting.items()
        }
        self._time = lru_cache(TIMES_KEPT)(self._parsed)

    def cell(self, values: Sequence[str], position: int) -> str:
        """Read a cell; what is missing at the source is empty."""
        value = values[position].strip()
        return "" if value == self.map.missing else value

    def seen(self, values: Sequence[str]) -> Seen:
        """Read what the row shows. Raises MalformedInput on a word that the map does not know, or no person's name."""
        shown = self._shown.get(values[self.word])
        if shown is None:
            raise self._unknown_word(values[self.word])
        person = self._person(values, self.assigned_to)
        shows, waiting_for = shown
        match shows:
            case Shows.NEW:
                state = State.ASSIGNED if person else State.PENDING
            case Shows.ACTIVE:
                state = State.IN_PROGRESS
            case Shows.RESOLVED:
                state = State.RESOLVED
            case Shows.CLOSED:
                state = State.CLOSED
        return Seen(state=state, waiting_for=waiting_for, person=person)

    def updated_at(self, values: Sequence[str]) -> datetime:
        """Read when the row was written, in UTC. Raises MalformedInput."""
        if text := self.cell(values, self._updated_at):
            return self._read_time(text, self.map.columns.updated_at)
        raise self._missing(self.map.columns.updated_at)

    def time_text(self, values: Sequence[str]) -> str:
        """Give when the row was written as the source writes it."""
        return self.cell(values, self._updated_at)

    def opened_at(self, values: Sequence[str]) -> datetime | None:
        """Read when the incident was opened, in UTC, if the source knows. Raises MalformedInput."""
        text = self.cell(values, self._opened_at)
        return self._read_time(text, self.map.columns.opened_at) if text else None

    def place(self, values: Sequence[str]) -> int:
        """Give a row's place among those of its ticket: the map's `order` column, else its time in microseconds.

        Raises MalformedInput.
        """
        if self._order is None:
            return (self.updated_at(values) - _EPOCH) // _MICROSECOND
        column = self.header[self._order]
        text = self.cell(values, self._order)
        if not text:
            raise self._missing(column)
        found = _WHOLE_NUMBER.fullmatch(text)
        if not found or (place := int(found[1])) > PLACE_MAX:
            zh, en = f"“{text}”不是顺序号(整数)", f"{text!r} is not a whole number, by which rows could be put in order"
            raise MalformedInput("bad_order", column, zh, en)
        return place

    def number_of(self, values: Sequence[str]) -> str:
        """Read the source's number. Raises MalformedInput when there is none, or none that can be one."""
        number = self.cell(values, self._number)
        if not number:
            raise self._missing(self.map.columns.number)
        if len(number) > NUMBER_LENGTH_MAX:
            zh, en = f"单号超过 {NUMBER_LENGTH_MAX} 个字符", f"the number is longer than {NUMBER_LENGTH_MAX} characters"
            raise MalformedInput("too_long", self.map.columns.number, zh, en)
        return number

    def actor(self, values: Sequence[str]) -> str:
        """Name who wrote the row, or nobody. Raises MalformedInput on the bus's own name."""
        return self._person(values, self._actor)

    def opener(self, values: Sequence[str]) -> str:
        """Name who opened the incident, or nobody. Raises MalformedInput on the bus's own name."""
        return self._person(values, self._opener)

    def title(self, values: Sequence[str]) -> str:
        """Join the columns that describe the incident."""
        return " · ".join(filter(None, (self.cell(values, position) for position in self._title)))

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
        differ = tuple(name for name, one, other in zip(self.header, before, after, strict=True) if one != other)
        return tuple(name for name in differ if name not in self._bookkeeping) or differ

    def _person(self, values: Sequence[str], position: int) -> str:
        return person_name(self.cell(values, position), self.header[position])

    def _read_time(self, text: str, column: str) -> datetime:
        try:
            return self._time(text)
        except (ValueError, OverflowError) as error:
            form = self.map.time.format
            zh, en = f"“{text}”不符合时间格式 {form}", f"{text!r} is not a time written as {form}"
            raise MalformedInput("bad_time", column, zh, en) from error

    def _parsed(self, text: str) -> datetime:
        return datetime.strptime(text, self.map.time.format).replace(tzinfo=self.map.time.zone).astimezone(UTC)

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

    def _missing(self, column: str) -> MalformedInput:
        return MalformedInput("missing", column, f"缺少“{column}”", f"{column!r} is missing")
