"""The event reference, drawn from the catalogue, the event classes and the topic contract."""

from collections.abc import Iterator, Sequence

from bus.docgen.markdown import code, codes, deprecated, document, table
from bus.docgen.shapes import field_table, record_section, records, sentence
from bus.domain.events import Recorded
from schemas.catalogue import EVENT_TYPES, HOST, INTAKE, LETTER_TYPES, RecordType
from schemas.deprecations import Deprecation
from schemas.topics import Contract

_ABOUT = """\
Every change of a ticket is one of these events. Each is an Avro record under `schemas/records/`; the registry's subject
is the record's full name, compatibility is FULL_TRANSITIVE. A value on Kafka is `0x00`, the schema id in four bytes
(big-endian), then the Avro bytes. The header `ce_dataschema` is `urn:ticketbus:schema:` and the subject.
How to read them: [subscribing](subscribing.md). What is **personal** is so in its schema too (`"personal": true`):
[privacy](privacy.md)."""
_TYPES = """\
In Avro a *time* is `timestamp-micros` in UTC, a *UUID* a string with that logical type, *one of* a string. In JSON
(HTTP and WebSocket) a time is RFC 3339 with offset, and an event has `event_type` besides: the event's
`ce_type` (`ticket.opened`). `type` inside TicketOpened is another thing, the ticket's own type (`repair`)."""


def page(contract: Contract, deprecations: Sequence[Deprecation] = ()) -> str:
    """Draw docs/events.md. Pure but for the schemas' files."""
    index = (
        (f"[{one.cls.__name__}](#{one.cls.__name__.lower()})", code(one.ce_type), _topics(one, contract))
        for one in EVENT_TYPES
    )
    return document(
        "Events 事件",
        "bus/domain/events.py, bus/domain/fields.py, schemas/messages.py and schemas/topics.yaml",
        _ABOUT,
        "## Every event begins with\n\n" + field_table(Recorded, but="event") + "\n\n" + _TYPES,
        "## All events\n\n" + table(("Event", "`ce_type`", "Topics"), index),
        *(_section(one, contract, deprecations) for one in EVENT_TYPES),
        "## Records inside events",
        *(record_section(cls) for cls in records(one.cls for one in EVENT_TYPES)),
        "## The bus's own records\n\nNot for subscribers; they may change with any release.",
        *(_own(one, contract) for one in (INTAKE, HOST, *LETTER_TYPES)),
    )


def _section(one: RecordType, contract: Contract, deprecations: Sequence[Deprecation]) -> str:
    where = f"{code(one.ce_type)} · {code(one.subject)} · {_topics(one, contract)}"
    name = one.cls.__name__
    gone = "".join(deprecated(each) for each in deprecations if each.what.partition(".")[0] == name)
    return f"### {name}\n\n{sentence(one.cls)}\n\n{where}\n\n{gone}{field_table(one.cls)}"


def _topics(one: RecordType, contract: Contract) -> str:
    return codes(contract.live[one.cls.__name__])


def _own(one: RecordType, contract: Contract) -> str:
    topics = codes(_holding(one, contract))
    about = f"{sentence(one.cls)}\n\n{code(one.subject)} · {topics}"
    return f"### {one.cls.__name__}\n\n{about}\n\n{field_table(one.cls)}"


def _holding(one: RecordType, contract: Contract) -> Iterator[str]:
    return (name for name, topic in contract.topics.items() if one.subject in topic.subjects)
