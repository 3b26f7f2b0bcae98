"""Queues letters and decisions in the outbox: those that were not published, or all for a topic made anew."""

import structlog

from bus.domain.errors import InvariantBroken
from bus.outbox import record as outbox
from bus.outbox.record import OutboxRecord
from bus.postgres.pool import Connection, Pool, connected
from deadletter import records
from deadletter.dead_letter import DeadLetter, Decision
from deadletter.records import Encode
from deadletter.store import read

_ROWS = 100  # in one transaction: each may hold a megabyte
_NEXT = f"SELECT id, letter, decision, returned FROM letters_to_publish ORDER BY id LIMIT {_ROWS} FOR UPDATE"  # noqa: S608 - no part of it is input
_DECISION = "SELECT decision, decided_by, decided_why, decided_at, redrive FROM letter_decisions WHERE id = %s"
_DONE = "DELETE FROM letters_to_publish WHERE id = ANY(%s)"
_ALL = """
INSERT INTO letters_to_publish (letter, decision, returned)
SELECT letter, decision, false FROM (
    SELECT id AS letter, NULL::bigint AS decision FROM letters UNION ALL SELECT letter, id FROM letter_decisions) a
ORDER BY letter, decision NULLS FIRST"""

log = structlog.get_logger()


async def queue_unpublished(pool: Pool, encode: Encode) -> int:
    """Queue all of it in its order, once; gives how many records. Harmless to repeat. Raises StoreUnavailable."""
    queued = 0
    while True:
        async with connected(pool) as connection:
            rows = await (await connection.execute(_NEXT)).fetchall()
            for _, letter, decision, returned in rows:
                queued += await _queue(connection, letter, decision, returned, encode)
            await connection.execute(_DONE, ([row[0] for row in rows],))
        if not rows:
            return queued


async def note_all(connection: Connection) -> None:
    """Note every letter, each before its decisions, as not published yet; `queue_unpublished` queues them."""
    await connection.execute(_ALL)


async def _queue(connection: Connection, number: int, decision: int | None, returned: bool, encode: Encode) -> int:
    letter = await read(connection, number)
    if decision is None:
        record = records.posted(number, letter, encode, edited_from=letter.edited_from)
    else:
        ((what, by, why, at, redrive),) = await (await connection.execute(_DECISION, (decision,))).fetchall()
        made = Decision(by=by, why=why, at=at, redrive=redrive)
        try:
            record = _decided(letter, what, made, encode, returned=returned)
        except InvariantBroken as error:  # the version before stood still for ever before it
            log.error("letter_not_sent_back", letter=number, cause=str(error))
            return 0
    await outbox.queue(connection, [record])
    return 1


def _decided(letter: DeadLetter, what: str, decision: Decision, encode: Encode, *, returned: bool) -> OutboxRecord:
    if returned:
        return records.sent_back(letter, decision, encode)
    about = {"letter": letter.id, "origin": letter.origin, "ticket_id": letter.ticket_id, "trace_id": letter.trace_id}
    return records.decided(about, what, decision, encode)
