"""What tests of the relay look at: rows that wait, records by ticket, conditions with a limit."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from bus.postgres.pool import Pool, connected
from bus.wire.headers import header

PATIENCE_S = 120.0


async def waiting(pool: Pool) -> int:
    """Count what is not published."""
    return int((await read(pool, "SELECT count(*) FROM outbox WHERE published_at IS NULL"))[0][0])


async def read(pool: Pool, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Read rows."""
    async with connected(pool) as connection:
        return await (await connection.execute(query.encode(), parameters)).fetchall()


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition, awaited where it has to be, with a limit."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            met = condition()
            if await met if asyncio.iscoroutine(met) else met:
                return
            await asyncio.sleep(0.05)


def of_tickets(found: Iterable[Any], ids: Iterable[str]) -> dict[str, list[Any]]:
    """Sort records by ticket."""
    sorted_out: dict[str, list[Any]] = defaultdict(list)
    wanted = set(ids)
    for record in found:
        if record.key.decode() in wanted:
            sorted_out[record.key.decode()].append(record)
    return sorted_out


def versions(found: Iterable[Any]) -> list[int]:
    """List the versions that records bear."""
    return [int(header(record.headers, "ticket-version") or 0) for record in found]
