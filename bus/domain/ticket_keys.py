"""The keys of a ticket: number, incident key, source's number and reporter's phone, each normalized."""

import re
from datetime import datetime
from typing import NamedTuple
from unicodedata import normalize

from bus.domain.commands import OpenTicket
from bus.domain.events import ReportJoined, TicketOpened
from bus.domain.look_alikes import as_read, hyphens
from bus.domain.no_key import is_no_number, is_no_phone
from bus.domain.phone_numbers import PHONE_LENGTH, earlier_spellings, is_lettered, plain_phone
from bus.domain.terms import SANDBOX, KeyKind, TicketId, TraceId
from bus.domain.text import IGNORABLE
from bus.domain.time_text import CHINA
from bus.domain.values import IncidentKey

# A ticket number as `as_read` gives it, where 0 is `o` and 1 is `i`; without its hyphen the day must be one.
_NUMBER = re.compile(r"[tv](?:[oi2-9]{8}-|2o[oi2-9]{2}(?:o[i2-9]|i[oi2])(?:o[i2-9]|[i2][oi2-9]|3[oi]).?)[oi2-9]{6,12}")


class TicketKey(NamedTuple):
    """Something a ticket is known by: an incident key (kind serial, order, phone) or a source's number (source:crm)."""

    kind: str
    value: str


class KeyHolder(NamedTuple):
    """A ticket of a name, and when it was opened."""

    ticket_id: TicketId
    opened_at: datetime


def source_name(source: str, source_no: str) -> TicketKey:
    """Name a ticket by its source's own number."""
    return TicketKey(f"source:{source}", source_no)


def key_name(command: OpenTicket | TicketOpened | ReportJoined) -> TicketKey:
    """Name a ticket by its incident key, however that was spelled."""
    return incident_name(command.incident_key)


def incident_name(key: IncidentKey) -> TicketKey:
    """Give the one spelling of an incident key."""
    return TicketKey(key.kind.value, plain_phone(key.value) if key.kind is KeyKind.PHONE else plain_number(key.value))


def phones_of(report: OpenTicket | TicketOpened | ReportJoined) -> set[str]:
    """Give the phones that a ticket is found by, each in its one spelling: the reporter's, and a key that is one.

    What is no phone (empty, `none`, too few digits) is left out.
    """
    key = report.incident_key
    found = (report.customer.phone, key.value if key.kind is KeyKind.PHONE else "")
    return {plain_phone(one) for one in found if one and not is_no_phone(one)}


def customer_refs_of(report: OpenTicket | TicketOpened, source: str) -> set[str]:
    """Give the customer's own number, beside the source that it means something in; none for what is no number.

    It stands with the phones: personal as they are, and no phone is spelled like it.
    """
    ref = plain_number(report.customer_ref)
    return {f"ref:{source}:{ref}"} if ref and not is_no_number(ref) else set()


def trace_key(trace_id: TraceId) -> TicketKey:
    """Name the trace that an opening brings: locked while it is decided whose it is, and borne by no ticket."""
    return TicketKey("trace", trace_id)


def plain_number(text: str) -> str:
    """Spell a serial or order number one way: NFKC, nothing invisible, one hyphen, no blanks, upper case. Idempotent.

    O and 0, I and 1 stay apart, and so do letters of other scripts that look alike.
    """
    if text.isascii():
        return "".join(text.split()).upper()
    seen = hyphens(IGNORABLE.sub("", normalize("NFKC", text)))
    return normalize("NFKC", "".join(seen.split()).upper())


def ticket_number(opened_at: datetime, number: int, *, source: str = "") -> TicketId:
    """Spell a ticket number, T20261122-000123, by the day it was opened in China; a virtual one begins with V."""
    return TicketId(f"{'V' if source == SANDBOX else 'T'}{opened_at.astimezone(CHINA):%Y%m%d}-{number:06d}")


def is_ticket_number(text: str) -> bool:
    """Say whether a reader would take a text for a ticket number of the bus: in other letters, dashes or digits too."""
    return bool(_NUMBER.fullmatch(as_read(text)))


def spellings(anything: str) -> list[str]:
    """List the spellings of a typed key in the stores: as typed, and as a number."""
    typed = anything.strip()
    return list(dict.fromkeys(filter(None, (typed, typed.lower(), plain_number(typed)))))


def typed_phone(anything: str) -> str | None:
    """Spell a typed phone as a key of that kind is, words around it or none; None for what is no phone.

    Where ASCII letters stand in it that are no word for a phone, as in a serial, it has the digits of a long one.
    """
    phone = plain_phone(anything.strip())
    short = len(phone) < PHONE_LENGTH
    return None if is_no_phone(anything) or (short and is_lettered(anything)) else phone


def phone_spellings(anything: str) -> list[str]:
    """List the spellings of a typed phone in the stores, those of earlier versions too; none for what is no phone."""
    phone = typed_phone(anything)
    return [] if phone is None else [phone, *earlier_spellings(anything)]
