"""Names that pass for others: the bus's own in other letters, and one person spelled twice."""

from typing import Any

import pytest
import typer

from bus.cli.client import _binding
from bus.cli.redrive import person as by_on_a_command_line
from bus.domain.commands import Accept, AddEvidence, AskProgress, Assign, Note, OpenTicket, Return
from bus.domain.errors import MalformedInput
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.intake.command_bodies import build
from bus.intake.reserved_names import is_reserved, person_name, refuse_reserved
from tests.gateway.conftest import PERSON, Gateway

BOUND_TO_NOTHING_ELSE: dict[str, Any] = {"on_behalf": False, "source": "", "all_sources": False, "regions": None}

ALIKE = (
    "bus", " BUS ", "\uff42\uff55\uff53", "b\u200bus", "\u042cus", "bu\u0455", "\u03b2\u03c5\u0455", "b\u202eus",
    "b\u0301us", "ticketbus", "t\u0456cketbus", "T\u0406C\u039a\u0395TBUS", "bus\u3164", "\u3164bus", "bus\u2800",
    "bus\ufe0f", "\u0184us", "\u0185us", "\ua4d0US", "\u13cfUS", "b\u03bcs", "b\u00b5s", "ticketb\u03bcs", "\u0180us",
    "b\u1d1cs", "\U0001f171us", "T1CKETBUS",
)  # fmt: skip


@pytest.mark.parametrize("name", ALIKE)
def test_names_of_the_bus_are_its_own_in_whatever_letters(name: str) -> None:
    assert is_reserved(name)
    with pytest.raises(MalformedInput):
        refuse_reserved(name, "actor")


@pytest.mark.parametrize("name", ["business", "crm", "巴士", "bus2", "王工", "tickets"])
def test_names_of_others_are_theirs(name: str) -> None:
    assert not is_reserved(name)


def test_names_of_a_person_are_spelled_one_way() -> None:
    plain = {"role": "field_engineer", "person": "张伟", "contact": "13700000001", "backup_person": "A陈"}
    one = build(Assign, {"assignee": {**plain, "backup_contact": "13700000002"}})
    other = {**plain, "person": "张\u200b伟\ufeff", "backup_person": "\uff21陈"}
    assert build(Assign, {"assignee": {**other, "backup_contact": "13700000002"}}) == one


SPELLINGS = (
    "张伟",
    " 张伟",
    "张伟 ",
    "张伟\ufe0f",
    "张\u034f伟",
    "张伟\u3164",
    "\uffa0张伟",
    "张伟\u2800",
    "张伟\U000e0100",
    "\u180b张伟",
)


@pytest.mark.parametrize("name", SPELLINGS)
def test_names_of_one_person_are_one_wherever_they_are_read(name: str) -> None:
    assert person_name(name, "actor") == "张伟"
    assert by_on_a_command_line(name) == "张伟"
    assert _binding(Role.ENGINEER, "wang", person=name, **BOUND_TO_NOTHING_ELSE).person == "张伟"


@pytest.mark.parametrize(
    "name", ["a\nb", "\x1b]0;x", "bus", "\uff42\uff55\uff53", "bus\u3164", "\u3164", "a\u2028b", "a\u200eb", " "]
)
def test_names_that_pass_for_another_or_for_nobody_are_refused_on_a_command_line(name: str) -> None:
    with pytest.raises(typer.BadParameter):
        by_on_a_command_line(name)
    with pytest.raises(typer.BadParameter):
        _binding(Role.ENGINEER, "wang", person=name, **BOUND_TO_NOTHING_ELSE)


@pytest.mark.parametrize("source", ["CRM 上海", "crm%zz", "bus", "-crm"])
def test_names_of_a_token_s_source_are_those_of_clients(source: str) -> None:
    with pytest.raises((typer.BadParameter, MalformedInput)):
        _binding(Role.SOURCE, "crm", person="", **{**BOUND_TO_NOTHING_ELSE, "source": source})


@pytest.mark.parametrize("name", ["bus", "b\u03bcs", "bus\u3164"])
@pytest.mark.parametrize("field", ["person", "backup_person"])
def test_names_of_assignees_are_not_the_bus_s(name: str, field: str) -> None:
    assignee = {
        "role": "field_engineer",
        "person": "张伟",
        "contact": "801",
        "backup_person": "陈",
        "backup_contact": "802",
    }
    with pytest.raises(MalformedInput) as refused:
        build(Assign, {"assignee": {**assignee, field: name}})
    assert (refused.value.code, refused.value.field) == ("reserved_name", f"assignee.{field}")


async def test_names_asked_for_are_spelled_as_tickets_have_them(gateway: Gateway) -> None:
    wang = Client(name="app", role=Role.ENGINEER, binding=Binding(bound=True, on_behalf=True))
    gateway.clients.known = {**gateway.clients.known, "app": wang}
    ticket = await gateway.opened()
    body = {"assignee": {**PERSON, "person": " 张\u3164伟"}}
    assert (await gateway.post(f"/v1/tickets/{ticket}/assign", body)).status_code == 200
    for name in ("张伟\ufe0f", " 张伟 "):
        assert (await gateway.get(f"/v1/tickets/{ticket}", "app", params={"person": name})).status_code == 200
        taken = await gateway.post(f"/v1/tickets/{ticket}/note", {"text": "x", "actor": name}, role="app")
        assert taken.status_code == 200, taken.text
    assert (await gateway.get(f"/v1/tickets/{ticket}", "app", params={"person": "bus"})).status_code == 400


ONE_LINE = (
    "\x1b",
    "\a",
    "\n",
    "\t",
    "\x9b",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u200e",
    "\u200f",
    "\u061c",
    "\ufff9",
    "\U000e0041",
)
TITLE = {"incident_key": {"kind": "serial", "value": "S"}, "title": "x", "type": "hardware_fault"}


@pytest.mark.parametrize("one", ONE_LINE)
@pytest.mark.parametrize("field", ["title", "region", "source_no", "priority"])
def test_names_and_other_fields_of_one_line_hold_no_control(one: str, field: str) -> None:
    with pytest.raises(MalformedInput, match=f"U\\+{ord(one):04X}") as refused:
        build(OpenTicket, {**TITLE, field: f"a{one}b"})
    assert (refused.value.code, refused.value.field) == ("control_character", field)
    with pytest.raises(MalformedInput):
        build(AddEvidence, {"kind": "photo", "uri": f"https://a/{one}b"})


@pytest.mark.parametrize("one", ["\x1b", "\a", "\x9b", "\x0b", "\u202e", "\u2066"])
def test_names_and_texts_of_many_lines_hold_ends_of_lines_and_no_other_control(one: str) -> None:
    for cls, field, rest in (
        (OpenTicket, "description", TITLE), (Note, "text", {}), (AskProgress, "text", {}), (Accept, "note", {}),
        (Return, "reason", {}), (AddEvidence, "caption", {"kind": "photo", "uri": "https://a"}),
    ):  # fmt: skip
        assert getattr(build(cls, {**rest, field: "a\r\n\tb\u200f"}), field) == "a\r\n\tb\u200f"
        with pytest.raises(MalformedInput, match="control character"):
            build(cls, {**rest, field: f"a{one}b"})
    lines = {"customer": {"address": "幸福路 1 号\n2 楼"}}
    assert build(OpenTicket, {**TITLE, **lines}).customer.address == lines["customer"]["address"]


async def test_names_of_who_acts_are_spelled_one_way(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    answer = await gateway.post(f"/v1/tickets/{ticket}/note", {"text": "x", "actor": "张\u200b伟"})
    assert answer.status_code in (200, 201), answer.text
    events = (await gateway.get(f"/v1/tickets/{ticket}/events")).json()["events"]
    assert events[-1]["actor"] == "张伟"


@pytest.mark.parametrize(
    ("actor", "code"), [("\u200b\ufeff", "missing"), ("a\u202eb", "control_character"), (" ", "wrong_type")]
)
async def test_names_of_nobody_to_be_seen_act_for_nobody(gateway: Gateway, actor: str, code: str) -> None:
    ticket = await gateway.opened()
    answer = await gateway.post(f"/v1/tickets/{ticket}/note", {"text": "x", "actor": actor})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, code, "actor")
