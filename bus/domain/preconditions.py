"""Preconditions of a command: its deliverables, real persons as assignees, times and lists within bounds."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bus.domain import refusals
from bus.domain.commands import Command, OpenTicket, Request
from bus.domain.contacts import is_contact
from bus.domain.departments import is_department, is_nobody
from bus.domain.events import Event, ReportJoined
from bus.domain.evidence_uri import is_signed, may_be_followed
from bus.domain.no_key import is_no_key
from bus.domain.personal import personal_fields
from bus.domain.rules import Rules
from bus.domain.text import is_blank
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import is_ticket_number, phones_of
from bus.domain.transitions import TransitionRule
from bus.domain.values import Assignee

PHOTOS_MAX = 50
URI_CHARS_MAX = 2000
VISIT_WITHIN = timedelta(days=7)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def check(request: Request, command: Command, duty: TransitionRule, rules: Rules) -> None:
    """Hold a command against its duty: nothing missing, no waiver but in an imported past, no time out of bounds."""
    if (request.waives or request.implied) and not request.historic:
        raise refusals.not_historic("waives" if request.waives else "implied")
    for field, at in (("at", request.at), ("opened_at", getattr(command, "opened_at", None))):
        if at and at - request.received_at > rules.clock_skew_max:
            raise refusals.in_future(field, at, rules.clock_skew_max)
        if at and not request.historic and request.received_at - at > rules.lateness_max:
            raise refusals.too_late(field, at, rules.lateness_max)
    opened_at = getattr(command, "opened_at", None)
    # Without `at` it is when the bus took it, and the source's clock may be ahead; `at` may be cut off to seconds.
    at_given = request.at != request.received_at and not request.historic
    if at_given and opened_at and opened_at.replace(microsecond=0) > request.at:
        raise refusals.after_at("opened_at", opened_at, request.at)
    absent = [one for one in duty.needs if one not in request.waives and not _brings(command, one)]
    if absent:
        raise refusals.missing(absent[0], duty.action, absent[1:])


def _brings(command: Command, field: str) -> object:
    """Give what a field brings, for its truth: a text that nobody sees brings nothing."""
    value: object = command
    for name in field.split("."):
        value = getattr(value, name)
    return not is_blank(value) if isinstance(value, str) else value


def check_names(command: OpenTicket, rules: Rules) -> None:
    """Refuse a key that is none, and a name in the form of a ticket number: who asks for that would find this one."""
    if is_no_key(command.incident_key, rules.no_key_words):
        raise refusals.no_key(command.incident_key.value)
    names = {
        "source_no": command.source_no,
        "incident_key.value": command.incident_key.value,
        "serial": command.serial,
        "customer.phone": command.customer.phone,
    }
    for field, name in names.items():
        if is_ticket_number(name):
            raise refusals.like_a_ticket_number(field)


def check_erased(ticket: Ticket, events: Sequence[Event]) -> None:
    """Keep personal data out of a ticket whose own was erased: no phone would find it. A report with one is found."""
    for event in events if ticket.personal_erased else ():
        found = isinstance(event, ReportJoined) and phones_of(event)
        if not found and (texts := [path for path, text in personal_fields(event).items() if text]):
            raise refusals.personal_data_erased(ticket.ticket_id, texts[0])


def check_person(assignee: Assignee, rules: Rules) -> None:
    """Hold to R6: a person and another person, never a department, and each with a contact."""
    for field, name in (("assignee.person", assignee.person), ("assignee.backup_person", assignee.backup_person)):
        if is_nobody(name) or is_department(name, rules.departments):
            raise refusals.no_person(field, name)
    if assignee.person.strip() == assignee.backup_person.strip():
        raise refusals.own_backup("assignee.backup_person", assignee.backup_person)
    for field, text in (("assignee.contact", assignee.contact), ("assignee.backup_contact", assignee.backup_contact)):
        if not is_contact(text):
            raise refusals.no_contact(field, text)


def check_visit(request: Request, expected_at: datetime | None, rules: Rules) -> None:
    """Refuse a visit before setting out, or long after: a date that was mistyped. By the command's own time."""
    if expected_at is None or request.historic:
        return
    if expected_at < request.at - rules.clock_skew_max:
        raise refusals.out_of_range(
            "expected_at",
            "预计到达时间早于出发时间,请核对日期和时间",
            "the visit is expected before setting out: see its date",
        )
    if expected_at > request.at + VISIT_WITHIN:
        raise refusals.out_of_range(
            "expected_at",
            f"预计到达时间晚于出发后 {VISIT_WITHIN.days} 天,请核对日期",
            f"the visit is expected more than {VISIT_WITHIN.days} days after setting out: see its date",
        )


def check_sha256(text: str) -> None:
    """Refuse what is no SHA-256 in hex; empty is none, and upper case is the same."""
    if text and not _SHA256.fullmatch(text):
        raise refusals.not_a_sha256("sha256")


def check_photos(uris: Sequence[str], known: Collection[str] = (), *, field: str) -> None:
    """Keep a ticket's list of photos within what one event can carry; addresses `known` were taken before.

    `field` of the command has the addresses.
    """
    if len(uris) > PHOTOS_MAX:
        raise refusals.out_of_range("photos", f"最多 {PHOTOS_MAX} 张照片", f"at most {PHOTOS_MAX} photos")
    if any(len(uri) > URI_CHARS_MAX for uri in uris):
        raise refusals.out_of_range(
            field, f"链接最长 {URI_CHARS_MAX} 字", f"a URI has at most {URI_CHARS_MAX} characters"
        )
    if any(uri not in known and not may_be_followed(uri) for uri in uris):
        raise refusals.not_an_address(field)
    if any(uri not in known and is_signed(uri) for uri in uris):
        raise refusals.signed_address(field)
