"""The event reference, drawn from the catalogue, the event classes and the topic contract."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import get_type_hints

from bus.docgen.markdown import code, codes, document, table
from bus.docgen.shapes import field_rows, record_section, records, sentence, spelled
from bus.domain.events import Recorded
from schemas.catalogue import EVENT_TYPES, HOST, INTAKE, LETTER_TYPES, RecordType
from schemas.topics import Contract

_ABOUT = """\
Every change of a ticket is one of these events. Each is an Avro record under `schemas/records/`; the registry's subject
is the record's full name, compatibility is FULL_TRANSITIVE. A value on Kafka is `0x00`, the schema id in four bytes
(big-endian), then the Avro bytes. How to read them: [subscribing](subscribing.md)."""
_TYPES = """\
In Avro a *time* is `timestamp-micros` in UTC, a *UUID* a string with that logical type, *one of* a string. In JSON
(HTTP and WebSocket) a time is RFC 3339 with offset, and an event has `event_type` besides."""
_MEANING: Mapping[str, str] = {
    "event_id": "UUIDv7; also the header `ce_id`",
    "ticket_id": "the Kafka key",
    "version": "1, 2, 3 … without a gap, per ticket; also the header `ticket-version`",
    "trace_id": "the ticket's trace for life, 32 hex digits; also in the header `traceparent`",
    "occurred_at": "when it happened at its source",
    "recorded_at": "when the bus decided it",
    "source": "the system or client that asked",
    "actor": "the person or program that asked",
    "command_id": "what asked for it; several events may come of one command",
    "historic": "imported past: goes to `ticket.events` alone, nothing is pushed or alerted",
    "implied": "a step that the source jumped over, made up by the import",
    "waived": "deliverables that a source's history cannot show",
}


def page(contract: Contract) -> str:
    """Draw docs/events.md. Pure but for the schemas' files."""
    hints = get_type_hints(Recorded)
    envelope = [(code(f.name), spelled(hints[f.name]), _MEANING[f.name]) for f in fields(Recorded) if f.name != "event"]
    index = (
        (f"[{one.cls.__name__}](#{one.cls.__name__.lower()})", code(one.ce_type), _topics(one, contract))
        for one in EVENT_TYPES
    )
    return document(
        "Events 事件",
        "schemas/catalogue.py, bus/domain/events.py and schemas/topics.yaml",
        _ABOUT,
        "## Every event begins with\n\n" + table(("Field", "Type", "Meaning"), envelope) + "\n\n" + _TYPES,
        "## All events\n\n" + table(("Event", "`ce_type`", "Topics"), index),
        *(_section(one, contract) for one in EVENT_TYPES),
        "## Records inside events",
        *(record_section(cls) for cls in records(one.cls for one in EVENT_TYPES)),
        "## The bus's own records\n\nNot for subscribers; they may change with any release.",
        *(_own(one, contract) for one in (INTAKE, HOST, *LETTER_TYPES)),
    )


def _section(one: RecordType, contract: Contract) -> str:
    rows = [(name, shape) for name, shape, _ in field_rows(one.cls)]
    where = f"{code(one.ce_type)} · {code(one.subject)} · {_topics(one, contract)}"
    return f"### {one.cls.__name__}\n\n{sentence(one.cls)}\n\n{where}\n\n{table(('Field', 'Type'), rows)}"


def _topics(one: RecordType, contract: Contract) -> str:
    return codes(contract.live[one.cls.__name__])


def _own(one: RecordType, contract: Contract) -> str:
    rows = [(name, shape) for name, shape, _ in field_rows(one.cls)]
    topics = codes(_holding(one, contract))
    about = f"{sentence(one.cls)}\n\n{code(one.subject)} · {topics}"
    return f"### {one.cls.__name__}\n\n{about}\n\n{table(('Field', 'Type'), rows)}"


def _holding(one: RecordType, contract: Contract) -> Iterator[str]:
    return (name for name, topic in contract.topics.items() if one.subject in topic.subjects)
