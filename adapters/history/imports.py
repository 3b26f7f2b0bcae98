"""Runs of the import in PostgreSQL: one row each, and the rows that it refused."""

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg.types.json import Jsonb

from adapters.history.importer import Summary
from bus.domain.text import Text
from bus.postgres.personal_keys import INPUT, PersonalKeys, Reader
from bus.postgres.pool import Connection, Pool, connected, read_row
from bus.wire.sealing import opened_bytes

ROWS_AT_ONCE: Final = 500
_BEGIN = "INSERT INTO imports (source, file) VALUES (%s, %s) RETURNING id"
_END = "UPDATE imports SET ended_at = now(), summary = %s WHERE id = %s"
_FIND: LiteralString = """
SELECT id, source, file, began_at, ended_at FROM imports
WHERE %(id)s::bigint IS NULL OR id = %(id)s ORDER BY id DESC LIMIT 1"""
_REFUSED: LiteralString = """
SELECT (headers->>'line')::int, code, field, detail_zh, detail_en, coalesce(headers->>'encoding', 'utf-8'), body
FROM refused_inputs
WHERE origin LIKE 'import:%%' AND headers->>'import' = %s ORDER BY 1, id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRun:
    """One run of an import; `ended_at` is missing while it runs, and when it was killed."""

    id: int
    source: str
    file: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row without effect, in whole or in part: the line it begins in, its bytes, and why, without its cells.

    `encoding`: what the map says that the bytes are written in.
    """

    line: int
    code: str
    field: str
    detail: Text
    encoding: str
    body: bytes


async def begin(connection: Connection, keys: PersonalKeys, source: str, file: str) -> int:
    """Write that an import begins; gives its number. The file's name may be a customer's and is sealed."""
    [sealed] = await keys.sealed_inputs(connection, [file.encode(errors="surrogateescape")])
    row = await (await connection.execute(_BEGIN, (source, sealed.decode()))).fetchone()
    assert row
    return int(row[0])


async def end(connection: Connection, number: int, summary: Summary) -> None:
    """Write what an import came to; reasons, which may repeat a customer's words, stand with the refused rows alone."""
    counts = dataclasses.asdict(dataclasses.replace(summary, refusals=()))
    await connection.execute(_END, (Jsonb(counts), number))


async def find(
    connection: Connection, keys: PersonalKeys, reader: Reader, number: int | None = None
) -> ImportRun | None:
    """Read an import's run in clear, the last one where no number is given; that `reader` reads it is recorded."""
    run = await read_row(connection, _FIND, ImportRun, {"id": number})
    if run is None:
        return None
    sealed = run.file.encode()
    file = opened_bytes(await keys.load(connection, [sealed], reader), INPUT, sealed)
    return dataclasses.replace(run, file=file.decode(errors="replace"))


async def refused_rows(pool: Pool, keys: PersonalKeys, number: int, reader: Reader) -> AsyncIterator[RefusedRow]:
    """Give the rows that an import refused, by line, in clear; that `reader` reads them is recorded.

    Of a row that a later import refused again only that one tells. Raises StoreUnavailable.
    """
    async with connected(pool) as connection, connection.cursor(name="refused_rows") as cursor:
        await cursor.execute(_REFUSED, (str(number),))
        while rows := await cursor.fetchmany(ROWS_AT_ONCE):
            found = await keys.load(connection, [body for *_, body in rows], reader)
            for line, code, field, zh, en, encoding, body in rows:
                clear = opened_bytes(found, INPUT, body)
                yield RefusedRow(line=line, code=code, field=field, detail=Text(zh, en), encoding=encoding, body=clear)
