"""The shape of a read model: a pure fold per key, and how its row is written to tables and read back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from bus.domain.errors import InvariantBroken
from bus.postgres.pool import Connection
from bus.wire.codec import Codec
from bus.wire.record import Record
from bus.wire.record_reader import Item, Keep, Know, RecordReader

Row = TypeVar("Row")
Key = tuple[Any, ...]  # the values of the first table's key columns, in their order
Written = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table and its key; `volatile` columns do not come from the log and are left out of comparisons."""

    name: str
    key: tuple[str, ...]
    volatile: tuple[str, ...] = ()


class MakeReader(Protocol[Item]):
    """Makes what reads the records of a read model's topic."""

    def __call__(self, codec: Codec, know: Know, keep: Keep) -> RecordReader[Item]: ...


Heal = Callable[[Connection, RecordReader[Item], str, tuple[Record, Item], InvariantBroken], Awaitable[Sequence[Item]]]
"""Gives the items to fold in place of one that does not follow, none to pass it over, or raises what is broken; called
with the reader, the handler's name and the record as it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel(Generic[Item, Row]):
    """`project` folds one item of `topic` into the row of its key; an item known already gives the row back unchanged.

    `topic` is the contract's name. No row where there was one deletes it. The first table is keyed by what `key_of`
    gives, and each table has those columns; a row is read back from its columns (or expressions) `stored` by `read`.
    `write` gives the records to put into each table when a row goes from what is stored to what it is now, the columns
    always the same. `heal` is asked when `project` raises InvariantBroken; without it the handler stops there.
    """

    name: str
    topic: str
    tables: tuple[Table, ...]
    reader: MakeReader[Item]
    key_of: Callable[[Item], Key]
    project: Callable[[Row | None, Item], Row | None]
    stored: tuple[str, ...]
    read: Callable[[Key, Sequence[Any]], Row]
    write: Callable[[Row | None, Row], Mapping[str, Sequence[Written]]]
    heal: Heal[Item] | None = None
