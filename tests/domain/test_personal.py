"""What is personal in events and commands is marked, and what is not is not (R50)."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, get_args, get_type_hints

import pytest
from typing_extensions import Doc

from bus.domain.commands import OUTSIDE
from bus.domain.events import Event, TicketOpened
from bus.domain.personal import Personal, personal_fields, personal_marks, with_personal
from bus.domain.terms import KeyKind
from bus.domain.values import Assignee, Customer, IncidentKey
from schemas.catalogue import EVENT_TYPES
from tests.domain.given import given
from tests.domain.people import CUSTOMER, OPEN
from tests.schemas.codecs import full

EVENTS: tuple[type, ...] = get_args(Event)
# Names of fields that hold what people write, or who they are.
TELLING = ("phone", "mobile", "mail", "contact", "address", "name", "text", "description", "note", "_by")
STAFF: dict[type, set[str]] = {Assignee: {"contact", "backup_contact"}}
REPORT = {"description", "customer.name", "customer.phone", "customer.address"}
PERSONAL = {
    "TicketOpened": REPORT | {"customer_ref"},
    "ReportJoined": REPORT,
    "AssignmentAccepted": {"note"},
    "NoteAdded": {"text"},
    "ProgressAsked": {"asked_by", "text"},
    "ClosureRequested": {"note"},
    "StepSignedOff": {"note"},
    "ClosureConfirmed": {"confirmed_by"},
    "ClosureRejected": {"rejected_by"},
}


def unmarked(cls: type) -> Iterator[str]:
    """Name the fields that tell of somebody and bear no mark, in the records inside too."""
    marked = personal_marks(cls).keys() | STAFF.get(cls, set())
    for name, hint in get_type_hints(cls).items():
        inner = [
            one for one in (hint, *get_args(hint)) if isinstance(one, type) and hasattr(one, "__dataclass_fields__")
        ]
        for one in inner:
            yield from (f"{name}.{path}" for path in unmarked(one))
        if not inner and name not in marked and any(word in name for word in TELLING):
            yield name


@pytest.mark.parametrize("cls", [*EVENTS, *OUTSIDE], ids=lambda cls: cls.__name__)
def test_personal_no_field_that_tells_of_a_customer_is_without_a_mark(cls: type) -> None:
    assert list(unmarked(cls)) == []


def test_personal_a_new_field_without_a_mark_is_noticed() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Visited:
        second_phone: Annotated[str, Doc("another phone")]
        text: Annotated[str, Doc("what was talked about"), Personal()]

    @dataclass(frozen=True, slots=True, kw_only=True)
    class VisitPlanned:
        visits: tuple[Visited, ...]

    assert list(unmarked(VisitPlanned)) == ["visits.second_phone"]


@pytest.mark.parametrize("event", EVENT_TYPES, ids=lambda one: one.cls.__name__)
def test_personal_of_an_event_is_what_was_agreed(event: Any) -> None:
    assert personal_fields(full(event.cls)).keys() == PERSONAL.get(event.cls.__name__, set())


def test_personal_an_incident_key_is_where_it_is_a_phone() -> None:
    opened = given(OPEN).log[0].event
    assert isinstance(opened, TicketOpened)
    assert "incident_key.value" not in personal_fields(opened)
    phone = replace(opened, incident_key=IncidentKey(kind=KeyKind.PHONE, value="139 0000 0000"))
    assert personal_fields(phone) == {
        "incident_key.value": "139 0000 0000",
        "description": "",
        "customer.name": CUSTOMER.name,
        "customer.phone": CUSTOMER.phone,
        "customer.address": CUSTOMER.address,
        "customer_ref": "",
    }


def test_personal_is_found_in_lists_of_records_and_in_a_ticket_s_state() -> None:
    ticket = given(OPEN).ticket
    assert personal_fields(ticket).keys() == {f"customer.{one.name}" for one in fields(CUSTOMER)} | {"customer_ref"}
    assert personal_fields((CUSTOMER,)) == {f"0.{one.name}": getattr(CUSTOMER, one.name) for one in fields(CUSTOMER)}


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
def test_personal_all_that_is_found_is_changed_and_nothing_else(cls: type) -> None:
    event = full(cls)
    changed = with_personal(event, lambda text: f"sealed {text}")
    found = personal_fields(event)
    assert personal_fields(changed) == {path: f"sealed {text}" for path, text in found.items()}
    assert with_personal(changed, lambda text: text.removeprefix("sealed ")) == event
    assert changed is event or found


def test_personal_an_empty_text_and_a_key_that_is_no_phone_stay() -> None:
    opened = given(replace(OPEN, customer=Customer())).log[0].event
    assert with_personal(opened, lambda _: "sealed") is opened
