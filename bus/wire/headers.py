"""The Kafka headers of an event: CloudEvents, trace context and version; a function of the event, bit for bit."""

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

from bus.domain.errors import MalformedInput
from bus.domain.terms import is_synthetic
from bus.domain.values import PLAIN_TRACE, CallerTrace
from bus.wire.trace_context import flags
from schemas.catalogue import EVENT_TYPES

Headers = list[tuple[str, bytes]]
SYNTHETIC = "ticketbus-synthetic"  # on each record of a virtual ticket
REGION, REGION_BEFORE = "ticket-region", "ticket-region-before"
ASSIGNEE, ASSIGNEE_BEFORE = "ticket-assignee", "ticket-assignee-before"
RETURNED = "ticketbus-letter"  # on replayed input: the number of its dead letter
_DATASCHEMAS = {one.ce_type: one.dataschema.encode() for one in EVENT_TYPES}
VERSION_DIGITS_MAX = 9  # anybody may write headers, and int() fails on thousands of digits


def traceparent(trace_id: str, event_id: UUID, *, sampled: bool = True) -> str:
    """Spell the W3C trace context of an event: the ticket's trace, the event as the span."""
    return f"00-{trace_id}-{event_id.hex[-16:]}-{flags(sampled=sampled)}"


def event_headers(  # one argument a header
    *,
    event_id: UUID,
    source: str,
    ce_type: str,
    ticket_id: str,
    occurred_at: datetime,
    trace_id: str,
    version: int,
    caller_trace: CallerTrace = PLAIN_TRACE,
    region: str | None = None,
    region_before: str | None = None,
    assignee: str | None = None,
    assignee_before: str | None = None,
) -> Headers:
    """Give the headers in a fixed order, so that a repeat of the record is the same bytes.

    An event of a newer release, whose kind is not known here, has no `ce_dataschema`; a trace without entries of
    vendors has no `tracestate`; only a virtual ticket's has `ticketbus-synthetic`. The last four are by what readers
    filter: in which region and with whom the ticket is after the event, and whence it took it; None: no header.
    """
    schema = _DATASCHEMAS.get(ce_type)
    ticket = (
        (REGION, region),
        (REGION_BEFORE, region_before),
        (ASSIGNEE, assignee),
        (ASSIGNEE_BEFORE, assignee_before),
    )
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event_id).encode()),
        ("ce_source", f"/sources/{quote(source, safe='')}".encode()),
        ("ce_type", ce_type.encode()),
        ("ce_subject", ticket_id.encode()),
        ("ce_time", occurred_at.astimezone(UTC).isoformat().encode()),
        *([("ce_dataschema", schema)] if schema else ()),
        ("content-type", b"application/avro"),
        ("traceparent", traceparent(trace_id, event_id, sampled=caller_trace.sampled).encode()),
        *([("tracestate", caller_trace.tracestate.encode())] if caller_trace.tracestate else ()),
        ("ticket-version", str(version).encode()),
        *[(name, text.encode()) for name, text in ticket if text is not None],
        *([(SYNTHETIC, b"true")] if is_synthetic(ticket_id) else ()),
    ]


def counted(records: Iterable[Iterable[tuple[str, bytes]]]) -> int:
    """Count records by their headers; those of virtual tickets are in no metric. Pure."""
    return sum(all(name != SYNTHETIC for name, _ in headers) for headers in records)


def version_of(headers: Iterable[tuple[str, bytes]]) -> int | None:
    """Read the ticket's version, or None where there is none or it cannot be one."""
    text = header(headers, "ticket-version") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS_MAX else None


def present(pairs: Iterable[tuple[str, bytes | None]]) -> tuple[tuple[str, bytes], ...]:
    """Take over a Kafka client's headers: one whose value is null is absent."""
    return tuple([(name, value) for name, value in pairs if value is not None])


def check_names(headers: Iterable[tuple[str, bytes]]) -> None:
    """Refuse headers whose name is not UTF-8; a name comes with such bytes escaped. Pure. Raises MalformedInput."""
    for name, _ in headers:
        try:
            name.encode()
        except UnicodeEncodeError:
            zh, en = f"头名 {name_text(name)} 不是 UTF-8", f"the header name {name_text(name)} is not UTF-8"
            raise MalformedInput("malformed_header", "headers", zh, en) from None


def name_text(name: str) -> str:
    r"""Spell a header's name for people, bytes that are not UTF-8 as \xff. Pure."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def header(headers: Iterable[tuple[str, bytes]], name: str) -> str | None:
    """Read a header's last value, or None."""
    found = [value for key, value in headers if key == name]
    return found[-1].decode(errors="replace") if found else None
