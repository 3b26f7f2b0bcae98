"""Keeps read models in PostgreSQL: the rows touched in one query, folded in memory, written back in one round trip."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import orjson

from bus.errors import MalformedInput
from bus.events import Recorded
from bus.log.record import Record
from bus.postgres.pool import Connection
from bus.terms import TicketId
from projections.read_model import ReadModel, Row, Table, Written

Decode = Callable[[bytes], Recorded]
BREATHE_EVERY = 200  # records folded between two turns of the event loop


@dataclass(frozen=True, slots=True)
class ProjectionHandler(Generic[Row]):
    """Keeps one read model. Table names are left to the connection's search path: verifying builds beside the live."""

    model: ReadModel[Row]
    decode: Decode

    @property
    def name(self) -> str:
        """Name its offsets by the read model."""
        return self.model.name

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        """Fold records in; a record that is no ticket event is MalformedInput, a gap in versions InvariantBroken."""
        recorded = []
        for number, record in enumerate(records):
            if number % BREATHE_EVERY == BREATHE_EVERY - 1:
                await asyncio.sleep(0)
            if record.value is None:
                raise MalformedInput("empty_record", "value", "记录没有内容", "the record is empty")
            recorded.append(self.decode(record.value))
        stored = await self._load(connection, {one.ticket_id for one in recorded})
        rows, changed = dict(stored), dict[TicketId, Row]()
        for number, one in enumerate(recorded):
            if number % BREATHE_EVERY == BREATHE_EVERY - 1:
                await asyncio.sleep(0)
            before = rows.get(one.ticket_id)
            after = self.model.project(before, one)
            if after is not None and after is not before:
                rows[one.ticket_id] = changed[one.ticket_id] = after
        await self._write(connection, [(stored.get(ticket_id), row) for ticket_id, row in changed.items()])

    async def _load(self, connection: Connection, ids: set[TicketId]) -> dict[TicketId, Row]:
        columns = ", ".join(self.model.stored)
        query = f"SELECT ticket_id, {columns} FROM {self.model.tables[0].name} WHERE ticket_id = ANY(%s)"  # noqa: S608 - the names are the model's own
        rows = await (await connection.execute(query.encode(), (sorted(ids),))).fetchall()
        return {ticket_id: self.model.read(ticket_id, stored) for ticket_id, *stored in rows}

    async def _write(self, connection: Connection, rows: Sequence[tuple[Row | None, Row]]) -> None:
        written: dict[str, list[Written]] = {table.name: [] for table in self.model.tables}
        for before, after in rows:
            for name, records in self.model.write(before, after).items():
                written[name].extend(records)
        async with connection.pipeline():
            for table in self.model.tables:
                if written[table.name]:
                    await _upsert(connection, table, written[table.name])


async def _upsert(connection: Connection, table: Table, records: Sequence[Mapping[str, Any]]) -> None:
    """Write whole records at once: PostgreSQL reads them from one JSON array by the table's own types."""
    columns = list(records[0])
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in table.key)
    query = f"""
        INSERT INTO {table.name} ({", ".join(columns)})
        SELECT {", ".join(columns)} FROM json_populate_recordset(null::{table.name}, %s::json)
        ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET {changes}"""  # noqa: S608 - the names are the model's own
    await connection.execute(query.encode(), (orjson.dumps(records).decode(),))
