"""Dead letters in PostgreSQL: posted once, grouped, shown, retried, discarded; every decision is kept.

Every change is a record on Kafka too, queued in the outbox in the same transaction.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from bus.delivery import queue, target_state
from bus.delivery.dead_letter_port import ParkedDelivery
from bus.domain.delivery_state import FAILURES_KEPT
from bus.domain.errors import InvariantBroken
from bus.domain.text import Text
from bus.outbox import record as outbox
from bus.postgres.personal_keys import PersonalKeys, Reader
from bus.postgres.pool import Connection, Pool, connected, read_row, read_rows
from bus.wire.dead_letters import DeadLetterGroup
from bus.wire.sealing import ERASED, plain_size
from deadletter import records
from deadletter.dead_letter import (
    DeadLetter,
    Decision,
    LetterGone,
    LetterKept,
    NewDeadLetter,
    of_delivery,
)
from deadletter.records import Encode
from deadletter.replay import no_way_back

LIST_MAX = 1_000
_COLUMNS: tuple[tuple[str, LiteralString], ...] = (
    ("origin", "text"),
    ("origin_ref", "text"),
    ("target", "text"),
    ("ticket_id", "text"),
    ("version", "int"),
    ("event", "text"),
    ("trace_id", "text"),
    ("reason", "text"),
    ("kind", "text"),
    ("cause", "text"),
    ("detail", "text"),
    ("attempts", "int"),
    ("failures", "jsonb"),
    ("headers", "jsonb"),
    ("value", "bytea"),
    ("began_at", "timestamptz"),
    ("died_at", "timestamptz"),
)
_NAMES = ", ".join(name for name, _ in _COLUMNS)
# The same input again, while its letter is open, is another attempt of it.
_POST = f"""
INSERT INTO letters AS l ({_NAMES}) SELECT * FROM unnest({", ".join(f"%b::{kind}[]" for _, kind in _COLUMNS)})
ON CONFLICT (origin, origin_ref) WHERE state = 'open' DO UPDATE SET attempts = l.attempts + 1,
    failures = CASE WHEN jsonb_array_length(l.failures) < {FAILURES_KEPT} THEN l.failures ELSE l.failures - 1 END
        || excluded.failures
RETURNING l.origin, l.origin_ref, l.id, xmax = 0"""  # noqa: S608 - no part of it is input
# What waits behind a letter is everything of its ticket and target that is not settled, but the letter itself.
BEHIND = """
(SELECT count(*) FROM deliveries d WHERE d.target = l.target AND d.ticket_id = l.ticket_id AND d.state = 'waiting'
 AND d.version > l.version)"""
# The words are those of the very letter whose number is shown.
_GROUPS = f"""
WITH grouped AS (
    SELECT l.cause, l.origin, l.target, l.event, l.kind, l.reason, count(*) AS letters,
           sum({BEHIND})::bigint AS behind, min(l.died_at) AS first_at, max(l.died_at) AS last_at, min(l.id) AS sample
    FROM letters l WHERE l.state = 'open' AND (%(origin)s::text IS NULL OR l.origin = %(origin)s)
    GROUP BY l.cause, l.origin, l.target, l.event, l.kind, l.reason
    ORDER BY letters DESC, last_at DESC LIMIT %(most)s)
SELECT g.*, s.detail, s.failures->-1->>'message' AS message FROM grouped g JOIN letters s ON s.id = g.sample
ORDER BY g.letters DESC, g.last_at DESC"""  # noqa: S608 - no part of it is input
_READ_WHOLE = f"""
SELECT l.id, {", ".join(f"l.{name}" for name, _ in _COLUMNS)}, l.state, l.edited_from, {BEHIND} AS behind,
    coalesce((SELECT jsonb_agg(jsonb_build_object('decision', d.decision, 'by', d.decided_by, 'why', d.decided_why,
              'at', d.decided_at, 'redrive', d.redrive) ORDER BY d.id)
              FROM letter_decisions d WHERE d.letter = l.id), '[]') AS decisions
FROM letters l"""  # noqa: S608 - no part of it is input
_LOCK = """
SELECT id, target, ticket_id, version, origin, CASE WHEN edited_from IS NULL THEN NULL ELSE value END,
    substr(value, 1, 32), octet_length(value), octet_length(headers::text), state
FROM letters WHERE id = ANY(%s) ORDER BY id FOR UPDATE"""
_MOVE = "UPDATE letters SET state = %s WHERE id = ANY(%s)"
_DECIDE = """
WITH decided AS (
    INSERT INTO letter_decisions (letter, decision, decided_by, decided_why, decided_at, redrive)
    SELECT id, %s, %s, %s, %s, %s FROM letters WHERE id = ANY(%s) ORDER BY id)
SELECT id AS letter, origin, ticket_id, trace_id FROM letters WHERE id = ANY(%s) ORDER BY id"""
_COPY = f"""
INSERT INTO letters ({_NAMES}, edited_from)
SELECT {", ".join("%(value)s" if name == "value" else name for name, _ in _COLUMNS)}, id FROM letters WHERE id = %(id)s
RETURNING id, {_NAMES}"""  # noqa: S608 - no part of it is input


class LockedLetter(NamedTuple):
    """An open letter that is locked; `edited` goes out instead of the event, where it is a mended copy."""

    id: int
    target: str
    ticket_id: str
    version: int
    origin: str
    edited: bytes | None
    size: int


async def post_deliveries(connection: Connection, parked: Sequence[ParkedDelivery], *, encode: Encode) -> None:
    """Write the letters of deliveries that are parked in this transaction."""
    await post(connection, [of_delivery(one) for one in parked], encode)


async def post(connection: Connection, dead: Sequence[NewDeadLetter], encode: Encode) -> list[int]:
    """Write letters in this transaction; gives the numbers of those that are new."""
    once = {(one.origin, one.origin_ref): one for one in dead}  # a batch may hold a repeat of its own
    columns = [[_stored(one, name) for one in once.values()] for name, _ in _COLUMNS]
    rows = await (await connection.execute(_POST, columns)).fetchall()
    new = {number: once[origin, ref] for origin, ref, number, is_new in rows if is_new}
    await outbox.queue(connection, (records.posted(number, one, encode) for number, one in new.items()))
    return [*new]


def _stored(one: NewDeadLetter, name: str) -> Any:
    value = getattr(one, name)
    return Jsonb(list(value) if name == "failures" else dict(value)) if name in ("failures", "headers") else value


async def groups(pool: Pool, *, origin: str | None = None) -> list[DeadLetterGroup]:
    """List the open letters by cause, the largest group first. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return await read_rows(connection, _GROUPS, DeadLetterGroup, {"origin": origin, "most": LIST_MAX})


async def read(connection: Connection, number: int) -> DeadLetter:
    """Read a letter in this transaction. Raises LetterGone."""
    found = await read_row(connection, f"{_READ_WHOLE} WHERE l.id = %s", DeadLetter, (number,))
    if found is None:
        raise LetterGone(Text(f"没有第 {number} 号死信", f"there is no letter {number}"))
    return found


async def read_clear(
    connection: Connection, number: int, keys: PersonalKeys, reader: Reader | None = None
) -> DeadLetter:
    """Read a letter in this transaction, input in clear; an event has its texts sealed. Recorded is who reads.

    Raises LetterGone, LetterKept for input that was erased.
    """
    letter = await read(connection, number)
    if letter.target:
        return letter
    (value,) = await keys.opened_inputs(connection, [letter.value], reader)
    if value == ERASED.encode():
        raise _kept(number, Text("内容已删除", "what it held was erased"))
    return dataclasses.replace(letter, value=value)


async def retry(
    connection: Connection, numbers: Sequence[int], decision: Decision, encode: Encode, keys: PersonalKeys
) -> int:
    """Send letters again, as if for the first time but for what is unsure; what waits behind follows. All or none.

    Input is replayed. Raises LetterGone, LetterKept, NotDeclared.
    """
    places = await lock(connection, numbers)
    await target_state.check_declared(connection, {place.target for place in places if place.target})
    for place in places:
        if why := no_way_back(place.origin, place.size):
            raise _kept(place.id, why)
    for place in places:  # one after the other: each may hold a megabyte
        if not place.target:
            await _send_back(connection, place.id, decision, encode, keys)
    await send_again(connection, places, decision, encode)
    return len(set(numbers))


async def send_again(
    connection: Connection, places: Sequence[LockedLetter], decision: Decision, encode: Encode
) -> None:
    """Let deliveries whose letters are locked in this transaction go again, and have the letters stand as retried."""
    for target, some in _deliveries(places).items():
        parked = [(one.ticket_id, one.version, one.edited) for one in some]
        await queue.release(connection, target, parked, decision.at, redrive=decision.redrive)
    await move(connection, [place.id for place in places], "retried", decision, encode)


async def _send_back(
    connection: Connection, number: int, decision: Decision, encode: Encode, keys: PersonalKeys
) -> None:
    letter = await read_clear(connection, number, keys)
    try:
        await outbox.queue(connection, [records.sent_back(letter, decision, encode)])
    except InvariantBroken as error:
        raise _kept(number, Text("Kafka 不收这么大的记录", str(error))) from error


def _kept(number: int, why: Text) -> LetterKept:
    return LetterKept(Text(f"死信 {number} 不能重发:{why.zh}", f"letter {number} cannot be sent again: {why.en}"))


async def discard(connection: Connection, numbers: Sequence[int], decision: Decision, encode: Encode) -> int:
    """Let letters go: they are never delivered, and what waits behind them comes forward. All or none.

    Raises LetterGone.
    """
    places = await lock(connection, numbers)
    for target, some in _deliveries(places).items():
        parked = [(one.ticket_id, one.version) for one in some]
        await queue.discard(connection, target, parked, decision.at, decision.why)
    await move(connection, [place.id for place in places], "discarded", decision, encode)
    return len(places)


async def replace(connection: Connection, number: int, value: bytes, decision: Decision, encode: Encode) -> int:
    """Put an open letter's mended copy in its place; the original stays on file. Gives the copy's number.

    Raises LetterGone.
    """
    await lock(connection, [number])
    await move(connection, [number], "edited", decision, encode)
    made = await connection.execute(_COPY, {"id": number, "value": value})
    ((copy, *own),) = await made.fetchall()
    dead = NewDeadLetter(**dict(zip((name for name, _ in _COLUMNS), own, strict=True)))
    await outbox.queue(connection, [records.posted(copy, dead, encode, edited_from=number)])
    return int(copy)


async def lock(connection: Connection, numbers: Sequence[int]) -> list[LockedLetter]:
    """Lock letters that must all be open. Raises LetterGone."""
    rows = await (await connection.execute(_LOCK, (list(numbers),))).fetchall()
    gone = set(numbers) - {row[0] for row in rows if row[-1] == "open"}
    if gone:
        named = ", ".join(map(str, sorted(gone)))
        raise LetterGone(
            Text(f"死信 {named} 不存在或已处理,什么都没有改变", f"no such open letter: {named}; nothing was changed")
        )
    return [
        LockedLetter(number, target, ticket_id, version, origin, edited, plain_size(begin, stored) + headers)
        for number, target, ticket_id, version, origin, edited, begin, stored, headers, _ in rows
    ]


async def move(connection: Connection, numbers: Sequence[int], state: str, decision: Decision, encode: Encode) -> None:
    """Let letters be in a state by a decision, which stays on file."""
    await connection.execute(_MOVE, (state, list(numbers)))
    await decide(connection, numbers, state, decision, encode)


async def decide(connection: Connection, numbers: Sequence[int], what: str, decision: Decision, encode: Encode) -> None:
    """Put a decision about letters on file."""
    given = (what, decision.by, decision.why, decision.at, decision.redrive, list(numbers), list(numbers))
    async with connection.cursor(row_factory=dict_row) as cursor:
        about = await (await cursor.execute(_DECIDE, given)).fetchall()
    await outbox.queue(connection, (records.decided(one, what, decision, encode) for one in about))


def _deliveries(places: Sequence[LockedLetter]) -> dict[str, list[LockedLetter]]:
    found = dict[str, list[LockedLetter]]()
    for place in places:
        if place.target:
            found.setdefault(place.target, []).append(place)
    return found
