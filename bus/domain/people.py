"""The directory of people who take tickets, as values, and what must hold of it (R5, R6). Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from typing_extensions import Doc

from bus.domain import refusals
from bus.domain.calendars import AROUND_THE_CLOCK
from bus.domain.contacts import is_contact
from bus.domain.departments import is_department, is_nobody
from bus.domain.errors import CommandRefused
from bus.domain.personal import Personal
from bus.domain.rules import Rules
from bus.domain.terms import Term
from bus.domain.text import is_blank
from bus.domain.values import Assignee

LEVELS: Final = range(1, 6)
CAPACITIES: Final = range(1, 1_001)


class PersonChange(Term):
    """What became of somebody in the directory."""

    ADDED = "added", "已登记"
    CHANGED = "changed", "已修改"
    LEFT = "left", "已离岗"
    ERASED = "erased", "个人信息已删除"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A skill, by the name that tickets ask for it, and how well somebody has it."""

    name: Annotated[str, Doc("the skill, as tickets name it")]
    level: Annotated[int, Doc("1, a beginner, to 5, who teaches it")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may take tickets: what for, where, when, how many at once, and how they are reached."""

    person: Annotated[str, Doc("who it is, by the name that assignments and the app's pushes bear")]
    role: Annotated[str, Doc("what the person is in tickets that they take")]
    types: Annotated[tuple[str, ...], Doc("the ticket types that the person takes; empty: all")] = ()
    regions: Annotated[tuple[str, ...], Doc("the regions that the person works in, as tickets name them; empty: all")]
    skills: Annotated[tuple[Skill, ...], Doc("what the person can do, each skill once")] = ()
    shift: Annotated[str, Doc("when the person works: the name of a calendar; 24x7: always")] = AROUND_THE_CLOCK
    capacity: Annotated[int, Doc("how many open tickets the person has at once at most, when the bus assigns")]
    contact: Annotated[str, Doc("how the person is reached: phone or mail"), Personal()]
    backup: Annotated[str, Doc("who stands in, by name: another person of the directory")]
    channel: Annotated[str, Doc("a note on how to reach the person, of no effect; empty: none")] = ""
    photo: Annotated[str, Doc("the address of the person's photo; empty: there is none"), Personal()] = ""
    customer_phone: Annotated[
        str, Doc("the work phone that customers may see and call; empty: there is none"), Personal()
    ] = ""


def check_people(people: Sequence[Person], present: Collection[str], rules: Rules) -> None:
    """Hold people who are to be added against the directory of those `present`, and against the rules.

    Raises CommandRefused, which names the person and the field.
    """
    known = {*present, *(one.person for one in people)}
    for one in people:
        for field, name in (("person", one.person), ("backup", one.backup)):
            if is_blank(name) or is_nobody(name) or is_department(name, rules.departments):
                raise refusals.no_person(field, name)
        if one.backup == one.person:
            raise refusals.own_backup("backup", one.backup)
        if one.backup not in known:
            raise _of(one, refusals.unknown_word("backup", one.backup, sorted(known - {one.person})))
        for kind in one.types:
            if kind not in rules.sla:
                raise _of(one, refusals.unknown_word("types", kind, rules.sla))
        if one.shift not in rules.calendars.by_name:
            raise _of(one, refusals.unknown_word("shift", one.shift, rules.calendars.by_name))
        for field in ("role", "contact"):
            if is_blank(getattr(one, field)):
                zh, en = f"“{one.person}”缺少 {field}", f"{one.person!r} has no {field}"
                raise CommandRefused("missing", field, zh, en)
        if not is_contact(one.contact):
            raise _of(one, refusals.no_contact("contact", one.contact))


def assignee_of(person: Person, directory: Mapping[str, Person]) -> Assignee | None:
    """Give how a ticket names a person as responsible; None where nobody of the directory stands in (R6)."""
    backup = directory.get(person.backup)
    if backup is None:
        return None
    return Assignee(
        role=person.role,
        person=person.person,
        contact=person.contact,
        backup_person=backup.person,
        backup_contact=backup.contact,
    )


def _of(person: Person, refusal: CommandRefused) -> CommandRefused:
    zh, en = f"“{person.person}”:{refusal.zh}", f"{person.person!r}: {refusal.en}"
    return CommandRefused(refusal.code, refusal.field, zh, en, **refusal.context)
