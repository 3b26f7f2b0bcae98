"""The keys of a ticket: number, incident key, source's number and reporter's phone, each normalized."""

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from bus.domain.commands import OpenTicket
from bus.domain.events import ReportJoined, TicketOpened
from bus.domain.look_alikes import as_read
from bus.domain.terms import KeyKind, TicketId, TraceId

# A ticket number as `as_read` gives it, where 0 is `o` and 1 is `i`; without its hyphen the day must be one.
_NUMBER = re.compile(r"t(?:[oi2-9]{8}-|2o[oi2-9]{2}(?:o[i2-9]|i[oi2])(?:o[i2-9]|[i2][oi2-9]|3[oi]).?)[oi2-9]{6,12}")
CHINA = timezone(timedelta(hours=8), "CST")


class TicketKey(NamedTuple):
    """Something a ticket is known by: an incident key (kind serial, order, phone) or a source's number (source:crm)."""

    kind: str
    value: str


class KeyHolder(NamedTuple):
    """The newest ticket of a name, and when it was opened."""

    ticket_id: TicketId
    opened_at: datetime


def source_name(source: str, source_no: str) -> TicketKey:
    """Name a ticket by its source's own number."""
    return TicketKey(f"source:{source}", source_no)


def key_name(command: OpenTicket | TicketOpened | ReportJoined) -> TicketKey:
    """Name a ticket by its incident key, however that was spelled."""
    kind, value = command.incident_key.kind, command.incident_key.value
    return TicketKey(kind.value, plain_phone(value) if kind is KeyKind.PHONE else plain_number(value))


def phones_of(report: OpenTicket | TicketOpened | ReportJoined) -> set[str]:
    """Give the phones that a ticket is found by, each in its one spelling: the reporter's, and a key that is one."""
    key = report.incident_key
    return {plain_phone(one) for one in (report.customer.phone, key.value if key.kind is KeyKind.PHONE else "") if one}


def trace_key(trace_id: TraceId) -> TicketKey:
    """Name the trace that an opening brings: locked while it is decided whose it is, and borne by no ticket."""
    return TicketKey("trace", trace_id)


def plain_number(text: str) -> str:
    """Spell a serial or order number one way: no blanks, upper case."""
    return "".join(text.split()).upper()


def plain_phone(text: str) -> str:
    """Spell a phone one way: its digits, without China's country code; what has no digit stays what it is."""
    digits = "".join(str(int(one)) for one in text if one.isdecimal())  # full-width digits too
    for prefix in ("0086", "86"):
        if digits.startswith(prefix) and len(digits) == len(prefix) + 11:
            return digits.removeprefix(prefix)
    return digits or plain_number(text)


def ticket_number(opened_at: datetime, number: int) -> TicketId:
    """Spell a ticket number, T20261122-000123, by the day it was opened in China."""
    return TicketId(f"T{opened_at.astimezone(CHINA):%Y%m%d}-{number:06d}")


def is_ticket_number(text: str) -> bool:
    """Say whether a reader would take a text for a ticket number of the bus: in other letters, dashes or digits too."""
    return bool(_NUMBER.fullmatch(as_read(text)))


def spellings(anything: str) -> list[str]:
    """List the spellings of a typed key in the stores: as typed, as a number, as a phone."""
    typed = anything.strip()
    phone = "" if any(one.isalpha() for one in typed) else plain_phone(typed)
    return list(dict.fromkeys(filter(None, (typed, typed.lower(), plain_number(typed), phone))))
