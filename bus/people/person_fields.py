"""What people write of a person, in a file or a request, read into a Person. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from bus.config_file import ConfigFileInvalid, FileModel, in_form, read_yaml
from bus.domain.calendars import AROUND_THE_CLOCK
from bus.domain.errors import MalformedInput
from bus.domain.evidence_uri import FILE_SCHEME, may_be_followed
from bus.domain.people import CAPACITIES, LEVELS, Person, Skill
from bus.domain.text import Text
from bus.intake.command_bodies import SHORT_MAX
from bus.intake.reserved_names import person_name, refuse_control

LIST_MAX: Final = 200
_PHONE_FORM: Final = Text(
    "写作 400-800-1234、(021) 5555-0000 或 +86 21 5555 0000,分机写作 400-800-1234 转 802",
    "write 400-800-1234, (021) 5555-0000 or +86 21 5555 0000, with an extension 400-800-1234 ext 802",
)
_PHONE: Final = (
    r"([+(\uff08]?[0-9][0-9 ()\uff08\uff09-]{2,24}((转|分机|ext\.?|;ext=|,|\uff0c) ?[0-9]{1,7})?)?"  # and its extension
)
_PHOTOS: Final = ("http:", "https:", f"{FILE_SCHEME}:")  # what a browser shows, and files of our own store
Short = Annotated[str, Field(max_length=SHORT_MAX)]
Names = Annotated[list[Short], Field(max_length=LIST_MAX)]
Level = Annotated[int, Field(ge=LEVELS[0], le=LEVELS[-1], strict=True)]
Skills = Annotated[dict[Short, Level], Field(max_length=LIST_MAX)]
CustomerPhone = Annotated[str, in_form(_PHONE, _PHONE_FORM)]
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
    """Read a file of people, each once however the name is spelled. Raises ConfigFileInvalid, MalformedInput."""
    people = [read_person(name, one.model_dump()) for name, one in read_yaml(path, PeopleFile).people.items()]
    for name, count in Counter(one.person for one in people).items():
        if count > 1:
            raise ConfigFileInvalid(f"{path}: people.{name}: {Text('同一个人写了两次', 'stands here twice')}")
    return people


def read_person(name: str, given: Mapping[str, Any]) -> Person:
    """Read a person's fields, names in their one spelling. Raises MalformedInput that names the field."""
    for field in ("role", "shift", "contact", "channel", "photo", "customer_phone"):
        refuse_control(given[field], field)
    for field in ("types", "regions", "skills"):
        for word in given[field]:
            refuse_control(word, field)
    photo = given["photo"].strip()
    if photo and not (photo.lower().startswith(_PHOTOS) and may_be_followed(photo)):
        form = Text("应为照片的网址,例如 https://img.example.com/wang.jpg", "is a photo's address, as https://…")
        raise MalformedInput("not_an_address", "photo", f"“photo”{form.zh}", f"photo {form.en}")
    return Person(
        person=person_name(name, "person"),
        role=given["role"].strip(),
        types=tuple(dict.fromkeys(given["types"])),
        regions=tuple(dict.fromkeys(map(str.strip, given["regions"]))),
        skills=tuple(Skill(name=skill.strip(), level=level) for skill, level in given["skills"].items()),
        shift=given["shift"],
        capacity=given["capacity"],
        contact=given["contact"].strip(),
        backup=person_name(given["backup"], "backup"),
        channel=given["channel"].strip(),
        photo=photo,
        customer_phone=given["customer_phone"].strip(),
    )
