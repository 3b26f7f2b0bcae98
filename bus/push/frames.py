"""Frames between an engineer's app and the gateway over the WebSocket of pushes. Pure."""

from typing import Any

import orjson

from bus.domain.errors import MalformedInput
from bus.domain.events import Recorded
from bus.domain.values import PLAIN_TRACE, CallerTrace
from bus.intake.command_bodies import SHORT_MAX
from bus.wire.codec import event_json, record_type
from bus.wire.headers import event_headers, header
from bus.wire.json_body import refuse_unstorable

ANSWER_CHARS_MAX = 200


def ready_frame(person: str) -> str:
    """Make the first frame of a session: whose pushes it is given."""
    return orjson.dumps({"kind": "ready", "person": person}).decode()


def push_frame(key: str, recorded: Recorded, caller_trace: CallerTrace = PLAIN_TRACE) -> str:
    """Spell an event as a push: its members are those of the stream's. The same text at every attempt."""
    headers = event_headers(
        event_id=recorded.event_id,
        source=recorded.source,
        ce_type=record_type(recorded).ce_type,
        ticket_id=recorded.ticket_id,
        occurred_at=recorded.occurred_at,
        trace_id=recorded.trace_id,
        version=recorded.version,
        caller_trace=caller_trace,
    )
    event = {
        "ce": {name: header(headers, f"ce_{name}") for name in ("id", "source", "type", "subject", "time")},
        **{name: text for name in ("traceparent", "tracestate") if (text := header(headers, name))},
        "ticket_version": recorded.version,
        "data": event_json(recorded),
    }
    return orjson.dumps({"kind": "push", "key": key, "event": event}).decode()


def read_ack(text: str) -> str:
    """Read which push an app acknowledges. Raises MalformedInput."""
    answer: Any = None
    if len(text) <= ANSWER_CHARS_MAX:
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError:
            answer = None
    if not isinstance(answer, dict) or not isinstance(key := answer.get("ack"), str):
        zh, en = '应答须为 {"ack": "推送的 key"}', 'answer a push with {"ack": "its key"}'
        raise MalformedInput("malformed_ack", "ack", zh, en)
    return key


def read_person(given: str | None, client: str) -> str:
    """Read whose pushes are wanted: the person named, as tickets name their handlers, or the client itself.

    Raises MalformedInput.
    """
    person = client if given is None else given.strip()
    if not person or len(person) > SHORT_MAX:
        zh, en = "“person”须为工单负责人的姓名", "person is the name by which tickets are assigned to the engineer"
        raise MalformedInput("wrong_type", "person", zh, en)
    refuse_unstorable(person, "person")
    return person
