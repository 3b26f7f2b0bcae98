"""Keeps read models in PostgreSQL: the rows touched in one query, folded in memory, written back in one round trip."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

import orjson

from bus.domain.errors import InvariantBroken
from bus.postgres.pool import Connection
from bus.wire.record import Record
from bus.wire.record_reader import BREATHE_EVERY, Item, RecordReader
from projections.read_model import Key, ReadModel, Row, Table, Written

_NUL = b"\\u0000"  # as JSON spells it; PostgreSQL takes no text that holds one


@dataclass(frozen=True, slots=True)
class ProjectionHandler(Generic[Item, Row]):
    """Keeps one read model. Table names are left to the connection's search path: verifying builds beside the live."""

    model: ReadModel[Item, Row]
    reader: RecordReader[Item]

    @property
    def name(self) -> str:
        """Name its offsets by the read model."""
        return self.model.name

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        """Fold records in; one that cannot be read, or that no table takes, is passed over and kept.

        An item that does not follow is healed as the model says. Raises InvariantBroken for one that is broken.
        """
        read = await self.reader.read(records)
        written = await self._folded(connection, read)
        if any(_NUL in one.records for one in written):
            written = await self._folded(connection, await self.reader.storable(read))
        async with connection.pipeline():
            for one in written:
                await connection.execute(one.query, (one.records.decode(),))

    async def _folded(self, connection: Connection, read: Sequence[tuple[Record, Item]]) -> list["_Statement"]:
        """Fold items onto the rows stored, and give what brings the tables there."""
        keys = [self.model.key_of(item) for _, item in read]
        stored = await self._load(connection, set(keys))
        rows, changed = dict[Key, Row | None](stored), set[Key]()
        for number, (key, (record, item)) in enumerate(zip(keys, read, strict=True)):
            if number % BREATHE_EVERY == BREATHE_EVERY - 1:
                await asyncio.sleep(0)
            before = rows.get(key)
            try:
                after = self.model.project(before, item)
            except InvariantBroken as broken:
                after = await self._healed(connection, before, (record, item), broken)
            if after is not before:
                rows[key] = after
                changed.add(key)
        return self._statements(stored, {key: row for key, row in rows.items() if key in changed})

    async def _healed(
        self, connection: Connection, row: Row | None, read: tuple[Record, Item], broken: InvariantBroken
    ) -> Row | None:
        """Fold the items that the model gives in place of one that does not follow; without any way, raise `broken`."""
        if self.model.heal is None:
            raise broken
        for item in await self.model.heal(connection, self.reader, self.name, read, broken):
            row = self.model.project(row, item)
        return row

    async def _load(self, connection: Connection, keys: set[Key]) -> dict[Key, Row]:
        if not keys:
            return {}
        table = self.model.tables[0]
        columns, wide = ", ".join((*table.key, *self.model.stored)), len(table.key)
        # Of a key of several columns some rows more may come, whose values are of several keys: they do no harm.
        among = " AND ".join(f"{column} = ANY(%s)" for column in table.key)
        query = f"SELECT {columns} FROM {table.name} WHERE {among}"  # noqa: S608 - the names are the model's own
        values = [list(column) for column in zip(*sorted(keys), strict=True)]
        rows = await (await connection.execute(query.encode(), values)).fetchall()
        return {row[:wide]: self.model.read(row[:wide], row[wide:]) for row in rows}

    def _statements(self, stored: Mapping[Key, Row], changed: Mapping[Key, Row | None]) -> list["_Statement"]:
        """Give what puts rows into the model's tables, and takes out those that are no more."""
        written: dict[str, list[Written]] = {table.name: [] for table in self.model.tables}
        for key, row in changed.items():
            if row is not None:
                for name, records in self.model.write(stored.get(key), row).items():
                    written[name].extend(records)
        names = self.model.tables[0].key
        gone = [dict(zip(names, key, strict=True)) for key, row in changed.items() if row is None and key in stored]
        deletes = [_delete(table, names, gone) for table in self.model.tables if gone]
        return deletes + [_upsert(table, written[table.name]) for table in self.model.tables if written[table.name]]


class _Statement(NamedTuple):
    """Whole records at once: PostgreSQL reads them from one JSON array by the table's own types."""

    query: bytes
    records: bytes


def _delete(table: Table, names: Sequence[str], keys: Sequence[Written]) -> _Statement:
    same = " AND ".join(f"t.{name} = gone.{name}" for name in names)
    query = f"""
        DELETE FROM {table.name} t USING json_populate_recordset(null::{table.name}, %s::json) gone
        WHERE {same}"""  # noqa: S608 - the names are the model's own
    return _Statement(query.encode(), orjson.dumps(keys))


def _upsert(table: Table, records: Sequence[Written]) -> _Statement:
    columns = list(records[0])
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in table.key)
    query = f"""
        INSERT INTO {table.name} ({", ".join(columns)})
        SELECT {", ".join(columns)} FROM json_populate_recordset(null::{table.name}, %s::json)
        ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET {changes}"""  # noqa: S608 - the names are the model's own
    return _Statement(query.encode(), orjson.dumps(records))
