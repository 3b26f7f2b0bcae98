"""The rows of the directory of people, with how many open tickets each has."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from pydantic import TypeAdapter

from bus.domain.people import Person
from bus.postgres.pool import Connection

PERSON: Final = TypeAdapter(Person)
SEALED: Final = ("contact", "photo", "customer_phone")  # is in no list
_READ: Final[LiteralString] = """
SELECT profile, left_at, erased_at, changed_at, changed_by,
    (SELECT count(*) FROM ticket_states t WHERE t.handler = p.person) AS open_tickets
FROM people p WHERE person = %(person)s OR %(person)s = '' ORDER BY person"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person of the directory: since when they take no more tickets, and how many open ones they have."""

    profile: Person
    left_at: datetime | None = None
    erased_at: datetime | None = None
    changed_at: datetime | None = None
    changed_by: str = ""
    open_tickets: int = 0


def key_about(person: str) -> str:
    """Give what the key of a person's contact and photo is about."""
    return f"person:{person}"


def person_json(profile: Person) -> dict[str, Any]:
    """Give a person as plain JSON values."""
    values: dict[str, Any] = PERSON.dump_python(profile, mode="json")
    return values


def row_json(row: PersonRow) -> dict[str, Any]:
    """Give a row as the command line and HTTP show it; skills by name."""
    about = {name: value for name, value in asdict(row).items() if name != "profile"}
    skills = {one.name: one.level for one in row.profile.skills}
    return {**person_json(row.profile), "skills": skills, **about}


async def people_who_left(connection: Connection) -> frozenset[str]:
    """Name those who take no more tickets."""
    rows = await (await connection.execute("SELECT person FROM people WHERE left_at IS NOT NULL")).fetchall()
    return frozenset(name for (name,) in rows)


async def read_people(connection: Connection, person: str = "") -> list[PersonRow]:
    """Read all, or one, by name; contacts and photos sealed."""
    rows = await (await connection.execute(_READ, {"person": person})).fetchall()
    names = ("left_at", "erased_at", "changed_at", "changed_by", "open_tickets")
    return [
        PersonRow(profile=PERSON.validate_python(profile, strict=False), **dict(zip(names, rest, strict=True)))
        for profile, *rest in rows
    ]
