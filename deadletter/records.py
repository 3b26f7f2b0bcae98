"""Kafka records of dead letters, decisions and replays, for the outbox. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import orjson

from bus.outbox.record import OutboxRecord
from bus.wire.sealing import plain_size
from deadletter.dead_letter import DeadLetter, Decision, NewDeadLetter
from deadletter.replay import way_back
from schemas.messages import LetterDecided, LetterPosted, RequestReceived
from schemas.topics import DEADLETTER

Encode = Callable[[LetterPosted | LetterDecided | RequestReceived], bytes]

# Whatever a letter holds, its record gets into Kafka: at most 1,016 KiB of these. The row has all of it.
VALUE_BYTES_MAX = 680 * 1024  # the rest is cut off; of input, which is sealed, that is 510 KiB
HEADERS_CHARS_MAX = 64 * 1024  # of more than that none is told
FAILURES_BYTES_MAX = 64 * 1024  # likewise
DETAIL_CHARS_MAX = 4 * 1024


def posted(
    number: int, dead: NewDeadLetter | DeadLetter, encode: Encode, *, edited_from: int | None = None
) -> OutboxRecord:
    """Make the record of a new letter, timed by its death."""
    record = LetterPosted(
        letter=number,
        origin=dead.origin,
        origin_ref=dead.origin_ref,
        ticket_id=dead.ticket_id,
        trace_id=dead.trace_id,
        event=dead.event,
        reason=dead.reason,
        kind=dead.kind,
        cause=dead.cause,
        detail=dead.detail[:DETAIL_CHARS_MAX],
        attempts=dead.attempts,
        failures=_failures(dead),
        headers=dead.headers if len(str(dead.headers)) <= HEADERS_CHARS_MAX else {},
        value=dead.value[:VALUE_BYTES_MAX],
        value_bytes=plain_size(dead.value),
        began_at=dead.began_at,
        died_at=dead.died_at,
        edited_from=edited_from,
    )
    return OutboxRecord(
        topic=DEADLETTER,
        key=_key(dead.ticket_id, dead.origin),
        value=encode(record),
        headers=(("original-time", dead.began_at.astimezone(UTC).isoformat()), ("origin", dead.origin)),
        timestamp=dead.died_at,
    )


def decided(about: Mapping[str, Any], what: str, decision: Decision, encode: Encode) -> OutboxRecord:
    """Make the record of a decision about a letter: `about` has its `letter`, `origin`, `ticket_id`, `trace_id`."""
    record = LetterDecided(
        letter=about["letter"],
        ticket_id=about["ticket_id"],
        trace_id=about["trace_id"],
        decision=what,
        decided_by=decision.by,
        decided_why=decision.why,
        decided_at=decision.at,
        redrive=decision.redrive,
    )
    key = _key(record.ticket_id, about["origin"])
    return OutboxRecord(topic=DEADLETTER, key=key, value=encode(record), timestamp=decision.at)


def sent_back(letter: DeadLetter, decision: Decision, encode: Encode) -> OutboxRecord:
    """Give the record that replays a letter's input. Raises InvariantBroken for what Kafka does not take."""
    back = way_back(letter, encode)
    headers = tuple(back.headers.items())
    return OutboxRecord(topic=back.topic, key=back.key, value=back.value, headers=headers, timestamp=decision.at)


def _key(ticket_id: str, origin: str) -> str:
    return ticket_id or origin


def _failures(dead: NewDeadLetter | DeadLetter) -> tuple[str, ...]:
    # What a target said stays in PostgreSQL: it may name people that the event does not, and nobody erases it on Kafka.
    failures = [orjson.dumps({name: it for name, it in one.items() if name != "message"}) for one in dead.failures]
    return tuple(one.decode() for one in failures) if sum(map(len, failures)) <= FAILURES_BYTES_MAX else ()
