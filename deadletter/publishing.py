"""Tells Kafka of letters and decisions, and brings input back to its door: rows, records, then marks, as the relay."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import orjson
import structlog
from psycopg.rows import class_row, dict_row

from bus.alerts.alert import Alert, AlertRule, AlertSink, report
from bus.domain.errors import InvariantBroken, KafkaUnavailable, StoreUnavailable
from bus.kafka.clients import HeldProducer
from bus.postgres.pool import Connection, Pool, connected
from bus.settings import Settings
from bus.wire.codec import Codec
from bus.wire.headers import Headers
from bus.wire.partitioner import partition_of
from deadletter.dead_letter import DeadLetter
from deadletter.replay import way_back
from deadletter.store import READ_WHOLE
from schemas.messages import LetterDecided, LetterPosted
from schemas.topics import DEADLETTER, Contract, physical

PASS_ROWS = 100
VALUE_BYTES_MAX = 512 * 1024  # of a letter on Kafka; the row holds all of it
HEADERS_CHARS_MAX = 64 * 1024  # of more than that none is told; the row holds all of them
POLL_S = 0.5
_RETRY_S = 1.0
_STOPPED_S = 60.0
_ACK_TIMEOUT_S = 15.0
_LOCK = "SELECT pg_try_advisory_xact_lock(0x6C657474)"  # "lett": one program at a time, for the order per letter
_LETTERS = f"{READ_WHOLE} WHERE l.published_at IS NULL ORDER BY l.id LIMIT {PASS_ROWS}"
_DECISIONS = f"""
SELECT d.id, d.letter, l.ticket_id, l.trace_id, l.origin, d.decision, d.decided_by, d.decided_why, d.decided_at,
    d.redrive
FROM letter_decisions d JOIN letters l ON l.id = d.letter
WHERE d.published_at IS NULL AND l.published_at IS NOT NULL ORDER BY d.id LIMIT {PASS_ROWS}"""  # noqa: S608 - no part of it is input
_RETURNS = f"""
SELECT d.id, d.letter FROM letter_decisions d JOIN letters l ON l.id = d.letter
WHERE d.decision = 'retried' AND d.returned_at IS NULL AND l.target = '' ORDER BY d.id LIMIT {PASS_ROWS}"""  # noqa: S608 - no part of it is input
_WHOLE = f"{READ_WHOLE} WHERE l.id = ANY(%s)"
_MARK_LETTERS = "UPDATE letters SET published_at = clock_timestamp() WHERE id = ANY(%s)"
_MARK_RETURNS = "UPDATE letter_decisions SET returned_at = clock_timestamp() WHERE id = ANY(%s)"
_MARK_DECISIONS = "UPDATE letter_decisions SET published_at = clock_timestamp() WHERE id = ANY(%s)"

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class LetterPublisher:
    """Publishes what the room has not told yet. Many may run, one of them works; a crash repeats records, no more."""

    pool: Pool
    codec: Codec
    contract: Contract
    settings: Settings
    now: Callable[[], datetime]
    report: AlertSink = report
    _told_at: dict[str, float] = field(default_factory=dict)
    _held: HeldProducer = field(init=False)

    def __post_init__(self) -> None:
        self._held = HeldProducer(self.settings)

    async def run(self) -> None:
        """Publish until cancelled; an outage of either store means waiting."""
        try:
            while True:
                try:
                    published = await self.publish_once()
                except (StoreUnavailable, KafkaUnavailable) as error:
                    log.warning("letters_wait", cause=str(error))
                    await asyncio.sleep(_RETRY_S)
                    continue
                if not published:
                    await asyncio.sleep(POLL_S)
        finally:
            await self._held.close()

    async def publish_once(self) -> int:
        """Make one pass: what goes back to its door, letters, decisions about letters that are told; each by itself.

        Raises StoreUnavailable, KafkaUnavailable.
        """
        published = 0
        for step in (self._returns, self._letters, self._decisions):
            try:
                async with connected(self.pool) as connection:
                    ((mine,),) = await (await connection.execute(_LOCK)).fetchall()
                    published += await step(connection) if mine else 0
            except InvariantBroken as error:
                self._tell(step.__name__, error)
        return published

    def _tell(self, step: str, error: InvariantBroken) -> None:
        """Report what stands still, now and then: the other steps go on, and it is tried again."""
        if monotonic() >= self._told_at.get(step, 0.0):
            self._told_at[step] = monotonic() + _STOPPED_S
            self.report(_stopped(error))

    async def _returns(self, connection: Connection) -> int:
        rows = await (await connection.execute(_RETURNS.encode())).fetchall()
        if not rows:
            return 0
        numbers = [letter for _, letter in rows]
        await self._send([self._back(letter) for letter in await _read(connection, _WHOLE, (numbers,))])
        await connection.execute(_MARK_RETURNS, ([number for number, _ in rows],))
        return len(rows)

    async def _letters(self, connection: Connection) -> int:
        letters = await _read(connection, _LETTERS)
        if not letters:
            return 0
        await self._send([self._posted(letter) for letter in letters])
        await connection.execute(_MARK_LETTERS, ([letter.id for letter in letters],))
        return len(letters)

    async def _decisions(self, connection: Connection) -> int:
        async with connection.cursor(row_factory=dict_row) as cursor:
            rows = await (await cursor.execute(_DECISIONS.encode())).fetchall()
        if not rows:
            return 0
        await self._send([self._decided(row) for row in rows])
        await connection.execute(_MARK_DECISIONS, ([row["id"] for row in rows],))
        return len(rows)

    def _posted(self, letter: DeadLetter) -> dict[str, Any]:
        record = LetterPosted(
            letter=letter.id,
            origin=letter.origin,
            origin_ref=letter.origin_ref,
            ticket_id=letter.ticket_id,
            trace_id=letter.trace_id,
            event=letter.event,
            reason=letter.reason,
            kind=letter.kind,
            cause=letter.cause,
            detail=letter.detail,
            attempts=letter.attempts,
            failures=tuple(orjson.dumps(one).decode() for one in letter.failures),
            headers=letter.headers if len(str(letter.headers)) <= HEADERS_CHARS_MAX else {},
            value=letter.value[:VALUE_BYTES_MAX],
            value_bytes=len(letter.value),
            began_at=letter.began_at,
            died_at=letter.died_at,
            edited_from=letter.edited_from,
        )
        headers = [("original-time", letter.began_at.isoformat().encode()), ("origin", letter.origin.encode())]
        key = letter.ticket_id or letter.origin
        return self._record(DEADLETTER, key, self.codec.encode_record(record), headers, letter.died_at)

    def _decided(self, row: dict[str, Any]) -> dict[str, Any]:
        names = ("letter", "ticket_id", "trace_id", "decision", "decided_by", "decided_why", "decided_at", "redrive")
        value = self.codec.encode_record(LetterDecided(**{name: row[name] for name in names}))
        return self._record(DEADLETTER, row["ticket_id"] or row["origin"], value, [], row["decided_at"])

    def _back(self, letter: DeadLetter) -> dict[str, Any]:
        back = way_back(letter, self.codec.encode_record)
        headers = [(name, value.encode()) for name, value in back.headers.items()]
        return self._record(back.topic, back.key, back.value, headers, self.now())

    def _record(self, topic: str, key: str, value: bytes, headers: Headers, at: datetime) -> dict[str, Any]:
        return {
            "topic": physical(self.settings.namespace, topic),
            "partition": partition_of(key, self.contract.topics[topic].partitions),
            "key": key.encode(),
            "value": value,
            "headers": headers,
            "timestamp_ms": int(at.timestamp() * 1000),
        }

    async def _send(self, records: Sequence[dict[str, Any]]) -> None:
        await self._held.send_all(records, _ACK_TIMEOUT_S)


def _stopped(error: InvariantBroken) -> Alert:
    return Alert(
        rule=AlertRule.STAGE_STOPPED,
        about="letters",
        zh=f"死信的发布停住,投递不受影响:{error}",
        en=f"what the dead-letter room puts on Kafka stands still, deliveries do not: {error}",
    )


async def _read(connection: Connection, query: str, given: tuple[Any, ...] = ()) -> list[DeadLetter]:
    async with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return await (await cursor.execute(query.encode(), given)).fetchall()
