"""Keeps read models in PostgreSQL: the rows touched in one query, folded in memory, written back in one round trip."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

import orjson
import structlog

from bus.domain.errors import InvariantBroken, MalformedInput, VersionMissing
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.postgres.pool import Connection
from bus.stage import metrics
from bus.wire.event_reader import BREATHE_EVERY, EventReader
from bus.wire.record import Record
from projections.read_model import ReadModel, Row, Table, Written

_NUL = b"\\u0000"  # as JSON spells it; PostgreSQL takes no text that holds one
_VERSIONS = "SELECT value FROM events WHERE ticket_id = %s AND version BETWEEN %s AND %s ORDER BY version"

log = structlog.get_logger()
Told = Sequence[tuple[Record, Recorded]]


@dataclass(frozen=True, slots=True)
class ProjectionHandler(Generic[Row]):
    """Keeps one read model. Table names are left to the connection's search path: verifying builds beside the live."""

    model: ReadModel[Row]
    events: EventReader

    @property
    def name(self) -> str:
        """Name its offsets by the read model."""
        return self.model.name

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        """Fold records in; one that is no ticket event, or that no table takes, is passed over and kept.

        A version that the log did not tell is read from PostgreSQL, where it became true; an event that is not there
        never did, and is passed over where it does not follow. Raises InvariantBroken for one that is.
        """
        told: Told = await self.events.read(records)
        written = await self._folded(connection, told)
        if any(_NUL in one.records for one in written):
            written = await self._folded(connection, await self.events.storable(told))
        async with connection.pipeline():
            for one in written:
                await connection.execute(one.query, (one.records.decode(),))

    async def _folded(self, connection: Connection, told: Told) -> list["_Upsert"]:
        """Fold events onto the rows stored, and give what is to be written to the tables."""
        stored = await self._load(connection, {one.ticket_id for _, one in told})
        rows, changed = dict(stored), dict[TicketId, Row]()
        for number, (record, one) in enumerate(told):
            if number % BREATHE_EVERY == BREATHE_EVERY - 1:
                await asyncio.sleep(0)
            before = rows.get(one.ticket_id)
            try:
                after = self.model.project(before, one)
            except InvariantBroken as broken:
                after = await self._healed(connection, before, record, one, broken)
            if after is not None and after is not before:
                rows[one.ticket_id] = changed[one.ticket_id] = after
        return self._written([(stored.get(ticket_id), row) for ticket_id, row in changed.items()])

    async def _healed(
        self, connection: Connection, row: Row | None, record: Record, one: Recorded, broken: InvariantBroken
    ) -> Row | None:
        """Fold the versions that were not told, then the event that was; an event that never became true is no event.

        Raises what is broken when PostgreSQL holds the very event.
        """
        known = broken.known if isinstance(broken, VersionMissing) else one.version - 1
        found = await connection.execute(_VERSIONS, (one.ticket_id, known + 1, one.version))
        values = [value for (value,) in await found.fetchall()]
        if not values or values[-1] != record.value:
            zh, en = "数据库中没有这个事件", "PostgreSQL holds no such event"
            await self.events.pass_over([(record, MalformedInput("stray_event", "version", zh, en))])
            return row
        if len(values) == 1:
            raise broken
        await self.events.know(values)
        for value in values:
            row = self.model.project(row, self.events.decode(value))
        metrics.HEALED.labels(self.name).inc(len(values) - 1)
        log.error("versions_not_told", handler=self.name, ticket_id=one.ticket_id, after=known, healed=len(values) - 1)
        return row

    async def _load(self, connection: Connection, ids: set[TicketId]) -> dict[TicketId, Row]:
        columns = ", ".join(self.model.stored)
        query = f"SELECT ticket_id, {columns} FROM {self.model.tables[0].name} WHERE ticket_id = ANY(%s)"  # noqa: S608 - the names are the model's own
        rows = await (await connection.execute(query.encode(), (sorted(ids),))).fetchall()
        return {ticket_id: self.model.read(ticket_id, stored) for ticket_id, *stored in rows}

    def _written(self, rows: Sequence[tuple[Row | None, Row]]) -> list["_Upsert"]:
        """Give what puts the rows into the model's tables."""
        written: dict[str, list[Written]] = {table.name: [] for table in self.model.tables}
        for before, after in rows:
            for name, records in self.model.write(before, after).items():
                written[name].extend(records)
        return [_upsert(table, written[table.name]) for table in self.model.tables if written[table.name]]


class _Upsert(NamedTuple):
    """Whole records at once: PostgreSQL reads them from one JSON array by the table's own types."""

    query: bytes
    records: bytes


def _upsert(table: Table, records: Sequence[Written]) -> _Upsert:
    columns = list(records[0])
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in table.key)
    query = f"""
        INSERT INTO {table.name} ({", ".join(columns)})
        SELECT {", ".join(columns)} FROM json_populate_recordset(null::{table.name}, %s::json)
        ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET {changes}"""  # noqa: S608 - the names are the model's own
    return _Upsert(query.encode(), orjson.dumps(records))
