"""What people write of a person, in a file or a request, read into a Person. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from bus.config_file import FileModel, in_form, read_yaml
from bus.domain.calendars import AROUND_THE_CLOCK
from bus.domain.people import CAPACITIES, LEVELS, Person, Skill
from bus.domain.text import Text
from bus.intake.command_bodies import SHORT_MAX
from bus.intake.reserved_names import person_name, refuse_control

LIST_MAX: Final = 200
_PHONE_FORM: Final = Text("写作 400-800-1234 或 +86 21 5555 0000", "write 400-800-1234 or +86 21 5555 0000")
Short = Annotated[str, Field(max_length=SHORT_MAX)]
Names = Annotated[list[Short], Field(max_length=LIST_MAX)]
Level = Annotated[int, Field(ge=LEVELS[0], le=LEVELS[-1], strict=True)]
Skills = Annotated[dict[Short, Level], Field(max_length=LIST_MAX)]
CustomerPhone = Annotated[str, in_form(r"(\+?[0-9][0-9 -]{2,24})?", _PHONE_FORM)]
Capacity = Annotated[int, Field(ge=CAPACITIES[0], le=CAPACITIES[-1], strict=True)]


class PersonEntry(FileModel):
    """A person of the file. `skills`: of each its level, 1 to 5; `types` and `regions`: none named means all."""

    role: Short
    types: Names = Field(default_factory=list)
    regions: Names = Field(default_factory=list)
    skills: Skills = Field(default_factory=dict)
    shift: Short = AROUND_THE_CLOCK
    capacity: Capacity
    contact: Short
    backup: Short
    channel: Short = ""
    photo: Short = ""
    customer_phone: CustomerPhone = ""


class PeopleFile(FileModel):
    """People by name."""

    people: Annotated[dict[Short, PersonEntry], Field(min_length=1)]


def load_people(path: Path) -> Sequence[Person]:
    """Read a file of people. Raises ConfigFileInvalid, MalformedInput."""
    return [read_person(name, one.model_dump()) for name, one in read_yaml(path, PeopleFile).people.items()]


def read_person(name: str, given: Mapping[str, Any]) -> Person:
    """Read a person's fields, names in their one spelling. Raises MalformedInput that names the field."""
    for field in ("role", "shift", "contact", "channel", "photo", "customer_phone"):
        refuse_control(given[field], field)
    for field in ("types", "regions", "skills"):
        for word in given[field]:
            refuse_control(word, field)
    return Person(
        person=person_name(name, "person"),
        role=given["role"].strip(),
        types=tuple(dict.fromkeys(given["types"])),
        regions=tuple(dict.fromkeys(given["regions"])),
        skills=tuple(Skill(name=skill, level=level) for skill, level in given["skills"].items()),
        shift=given["shift"],
        capacity=given["capacity"],
        contact=given["contact"].strip(),
        backup=person_name(given["backup"], "backup"),
        channel=given["channel"].strip(),
        photo=given["photo"].strip(),
        customer_phone=given["customer_phone"].strip(),
    )
