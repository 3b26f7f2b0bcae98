"""Outcomes of made-up tickets in PostgreSQL, rounds over them, and the records that wait for bus.decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from bus.domain.terms import KeyKind, TicketId
from bus.insight.watch import InsightRound
from bus.postgres.pool import Connection, Pool, connected
from bus.rules_config import root_cause_words
from projections.ticket_outcomes import TicketOutcome
from schemas.insight_messages import InsightMessage
from schemas.topics import DECISIONS
from tests.schemas.codecs import CODEC

NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
DEDUPE = timedelta(minutes=15)
PUT = "INSERT INTO ticket_outcomes SELECT * FROM json_populate_recordset(null::ticket_outcomes, %s)"


def outcome(number: int, *, opened_at: datetime = NOW - DAY, **own: Any) -> TicketOutcome:
    """Make what became of a ticket that was resolved and closed by one person."""
    usual: dict[str, Any] = {
        "ticket_id": TicketId(f"T20261101-{number:06}"),
        "version": 9,
        "historic": False,
        "source": "crm",
        "type": "hardware_fault",
        "serial": f"SN-{number}",
        "key_kind": KeyKind.ORDER,
        "key": f"O-{number}",
        "opened_at": opened_at,
        "resolved_at": opened_at + HOUR,
        "root_cause": f"cause-{number}",
        "closed_at": opened_at + 2 * HOUR,
        "handlers": ("王师傅",),
    }
    return TicketOutcome(**{**usual, **own})


async def fill(pool: Pool, rows: Iterable[TicketOutcome]) -> None:
    """Put rows into the read model, which has no other."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE ticket_outcomes")
        await connection.execute(PUT.encode(), (orjson.dumps([asdict(one) for one in rows]).decode(),))


def round_at(connection: Connection, now: datetime) -> InsightRound:
    """Make a round."""
    return InsightRound(
        connection=connection,
        encode=CODEC.encode_record,
        now=now,
        dedupe_window=DEDUPE,
        root_causes=root_cause_words(),
    )


async def judged(pool: Pool, now: datetime) -> Sequence[tuple[str, InsightMessage]]:
    """Judge once at a time, and give what that has queued, with its key."""
    before = len(await queued(pool))
    async with connected(pool) as connection:
        await round_at(connection, now).judge()
    return (await queued(pool))[before:]


async def queued(pool: Pool) -> Sequence[tuple[str, InsightMessage]]:
    """Read what waits for bus.decisions."""
    async with connected(pool) as connection:
        query = b"SELECT key, value FROM outbox WHERE topic = %s ORDER BY id"
        rows = await (await connection.execute(query, (DECISIONS,))).fetchall()
    return [(key, CODEC.decode_record(value)) for key, value in rows]
