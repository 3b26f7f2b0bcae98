"""What must hold of the directory of people (R5, R6)."""

from dataclasses import replace
from typing import Any

import pytest

from bus.domain.errors import CommandRefused
from bus.domain.people import Person, assignee_of, check_people
from bus.domain.values import Assignee
from tests.domain.people import RULES
from tests.people.staff import LI, WANG, ZHAO


def test_people_who_stand_in_for_each_other_may_come_in_one_file() -> None:
    check_people([LI, WANG], [], RULES)
    check_people([ZHAO], ["王师傅"], RULES)


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"person": "维修1组"}, "person", "no_person"),
        ({"person": "值班人员"}, "person", "no_person"),
        ({"backup": "客服部"}, "backup", "no_person"),
        ({"backup": "李工"}, "backup", "no_person"),
        ({"backup": ""}, "backup", "no_person"),
        ({"backup": "王师付"}, "backup", "unknown_word"),
        ({"types": ("hardware_falt",)}, "types", "unknown_word"),
        ({"shift": "夜班"}, "shift", "unknown_word"),
        ({"role": " "}, "role", "missing"),
        ({"contact": ""}, "contact", "missing"),
        ({"contact": "abc"}, "contact", "no_contact"),
    ],
)
def test_people_what_is_wrong_is_named_by_field_and_never_a_department_taken(
    wrong: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(CommandRefused) as refusal:
        check_people([replace(LI, **wrong), WANG], ["赵工"], RULES)
    assert (refusal.value.field, refusal.value.code) == (field, code)


def test_people_a_word_that_was_meant_is_named_with_whose_it_is() -> None:
    with pytest.raises(CommandRefused) as refusal:
        check_people([replace(LI, types=("hardware_falt",)), WANG], [], RULES)
    assert refusal.value.context["nearest"] == "hardware_fault"
    assert refusal.value.zh.startswith("“李工”")
    assert refusal.value.en.startswith("'李工'")


def test_people_a_ticket_names_a_person_with_contact_and_backup_or_nobody() -> None:
    directory: dict[str, Person] = {one.person: one for one in (LI, WANG)}
    assert assignee_of(LI, directory) == Assignee(
        role="engineer", person="李工", contact="13800000002", backup_person="王师傅", backup_contact="13800000001"
    )
    assert assignee_of(LI, {"李工": LI}) is None
