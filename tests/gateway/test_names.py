"""Names that pass for others: the bus's own in other letters, and one person spelled twice."""

import pytest

from bus.domain.commands import Assign
from bus.domain.errors import MalformedInput
from bus.intake.command_bodies import build
from bus.intake.reserved_names import is_reserved, refuse_reserved
from tests.gateway.conftest import Gateway

ALIKE = (
    "bus", " BUS ", "\uff42\uff55\uff53", "b\u200bus", "\u042cus", "bu\u0455", "\u03b2\u03c5\u0455", "b\u202eus",
    "b\u0301us", "ticketbus", "t\u0456cketbus", "T\u0406C\u039a\u0395TBUS",
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
