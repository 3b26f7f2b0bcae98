"""Over HTTP one incident is one ticket however its key is spelled, and what is no key opens none (R1, R2)."""

import pytest

from bus.domain.events import TicketAssigned, TicketOpened
from bus.domain.terms import KeyKind, TicketId
from bus.domain.values import IncidentKey
from bus.intake.command_bodies import within_limits
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [("serial", "无", "no_key"), ("order", "N/A", "no_key"), ("phone", "00000000000", "no_key"),
     ("phone", "无", "no_key"), ("serial", "\u200b", "missing"), ("serial", "---", "no_key")],
)  # fmt: skip
async def test_keys_http_two_strangers_without_a_key_are_both_refused(
    gateway: Gateway, kind: str, value: str, code: str
) -> None:
    for number in ("C-1", "C-2"):
        opening = {**OPENING, "source_no": number, "incident_key": {"kind": kind, "value": value}}
        answer = await gateway.post("/v1/tickets", opening)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["field"] == "incident_key.value"
        assert not answer.json()["detail"].isascii()
    assert not gateway.store.log


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [("phone", "010-62176966", "+86 10 62176966"), ("phone", "400-123-4567", "0086 400 123 4567"),
     ("serial", "SN-1", "\uff33\uff2e\u2014\uff11"), ("order", "cafe\u0301-1", "caf\u00e9\u20111")],
)  # fmt: skip
async def test_keys_http_two_spellings_of_one_key_are_one_ticket(
    gateway: Gateway, kind: str, first: str, second: str
) -> None:
    tickets = set()
    for number, value in enumerate((first, second)):
        opening = {**OPENING, "source_no": f"C-{number}", "incident_key": {"kind": kind, "value": value}}
        answer = await gateway.post("/v1/tickets", opening)
        assert answer.status_code in {200, 201}
        tickets.add(answer.json()["ticket_id"])
    assert len(tickets) == 1


MARKS = ("\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u2066", "\u2067", "\u2068", "\u2069")


@pytest.mark.parametrize("mark", MARKS)
async def test_keys_http_marks_of_direction_around_what_was_copied_are_left_out(gateway: Gateway, mark: str) -> None:
    person = {"role": "工程师", "person": "王强", "contact": f"{mark}13900000001{mark}"}
    body = {
        **OPENING,
        "incident_key": {"kind": "phone", "value": f"{mark}010-6217{mark}6966"},
        "serial": f"{mark}SN-1",
        "customer": {"phone": f"{mark}13912340000{mark}"},
    }
    ticket = (await gateway.post("/v1/tickets", body)).json()["ticket_id"]
    assignee = {**person, "backup_person": "赵敏", "backup_contact": f"13900000002{mark}"}
    assert (await gateway.post(f"/v1/tickets/{ticket}/assign", {"assignee": assignee})).status_code == 200
    opened, assigned = (stored.event for stored in gateway.store.log[TicketId(ticket)])
    assert isinstance(opened, TicketOpened)
    assert isinstance(assigned, TicketAssigned)
    assert (opened.incident_key.value, opened.serial, opened.customer.phone) == ("010-62176966", "SN-1", "13912340000")
    assert (assigned.assignee.contact, assigned.assignee.backup_contact) == ("13900000001", "13900000002")
    found = await gateway.post("/v1/journeys", {"any": f"{mark}010-62176966{mark}"})
    assert found.status_code != 400


@pytest.mark.parametrize("mark", MARKS)
def test_keys_http_marks_of_direction_in_a_command_of_another_way_in_are_left_out(mark: str) -> None:
    key = IncidentKey(kind=KeyKind.SERIAL, value=f"{mark}SN-1")
    assert within_limits(key, "command.incident_key").value == "SN-1"


@pytest.mark.parametrize("bad", ["\u202e", "\x1b", "\n"])
async def test_keys_http_what_turns_digits_or_breaks_a_line_is_refused_in_a_key(gateway: Gateway, bad: str) -> None:
    key = {"kind": "serial", "value": f"SN{bad}1"}
    answer = await gateway.post("/v1/tickets", {**OPENING, "incident_key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "control_character")
    assert (await gateway.post("/v1/tickets", {**OPENING, "source_no": "C\u200e1"})).status_code == 400
