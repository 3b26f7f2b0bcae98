"""Keeps refused input in PostgreSQL, and in memory for tests of what refuses."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from bus.postgres.pool import Pool, connected
from bus.refused import RefusedInput

_KEEP = """
INSERT INTO refused_inputs
    (origin, origin_ref, source, code, field, detail_zh, detail_en, body, headers, trace_id, ticket_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (origin, origin_ref) DO UPDATE SET
    code = excluded.code, field = excluded.field, detail_zh = excluded.detail_zh, detail_en = excluded.detail_en,
    last_at = now(), times = refused_inputs.times + 1"""


class RefusedInputs:
    """The table of refused input."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, inputs: Sequence[RefusedInput]) -> None:
        if not inputs:
            return
        rows = [
            (i.origin, i.origin_ref, i.source, i.code, i.field, i.detail_zh, i.detail_en, i.body,
             Jsonb(dict(i.headers)), i.trace_id, i.ticket_id)
            for i in inputs
        ]  # fmt: skip
        async with connected(self._pool) as connection, connection.cursor() as cursor:
            await cursor.executemany(_KEEP, rows)


class MemoryRefusedInputs:
    """The same in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], RefusedInput] = {}

    async def keep(self, inputs: Sequence[RefusedInput]) -> None:
        self.kept.update({(one.origin, one.origin_ref): one for one in inputs})
