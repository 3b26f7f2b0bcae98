"""Routes of people: who takes tickets, added, changed, left and erased (R5, R6)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.board import is_on_shift
from bus.domain.calendars import AROUND_THE_CLOCK, Calendars
from bus.domain.decided import Decided
from bus.domain.people import Person, PersonChange
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit, reader_of
from bus.gateway.auth.roles import Access
from bus.gateway.http.request_models import Name, NotBlank, RequestModel, gone
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.routes.decided_requests import DecidedRequests
from bus.intake.reserved_names import plain_name
from bus.observability.masking import mask_text
from bus.people.handing_on import HandedOn
from bus.people.person_fields import LIST_MAX, Capacity, CustomerPhone, Level, read_person
from bus.postgres.people_rows import SEALED, PersonRow, row_json
from bus.postgres.personal_keys import Reader
from bus.wire.rejected_input import RejectedInputStore

_GONE: Final = Text("没有这个人,或尚未离岗", "there is nobody of that name, or they have not left")
_ABSENT: Final = Text("没有这个人", "there is nobody of that name")
Words = Annotated[list[NotBlank], Field(max_length=LIST_MAX)]


class PeopleDirectory(Protocol):
    """The directory as routes use it; all of it raises StoreUnavailable."""

    async def listed(self, person: str = "") -> Sequence[PersonRow]:
        """List all, or one."""
        ...

    async def in_clear(self, rows: Sequence[PersonRow], reader: Reader) -> Sequence[PersonRow]:
        """Give rows with contacts and photos in clear; that it is read is recorded."""
        ...

    async def apply(self, people: Sequence[Person], decided: Decided) -> Mapping[str, PersonChange]:
        """Add or change people. Raises CommandRefused."""
        ...

    async def erase(self, person: str, decided: Decided) -> PersonRow | None:
        """Erase the contact and photo of somebody who left; None: there is nobody like that."""
        ...


LetGo = Callable[[str, Decided], Awaitable[tuple[PersonRow, HandedOn] | None]]
"""Have somebody leave, and hand their open tickets on; None: there is nobody of that name. Raises StoreUnavailable."""
Now = Callable[[], datetime]


class ApplyPerson(RequestModel):
    """Add or change a person: what tickets they take, where, when and how many at once, and how they are reached.

    `skills`: of each its level, 1 to 5. `types`, `regions` empty: all. `backup`: another person of the directory.
    """

    person: NotBlank
    role: NotBlank
    types: Words = Field(default_factory=list)
    regions: Words = Field(default_factory=list)
    skills: Annotated[dict[NotBlank, Level], Field(max_length=LIST_MAX)] = Field(default_factory=dict)
    shift: NotBlank = AROUND_THE_CLOCK
    capacity: Capacity
    contact: NotBlank
    backup: NotBlank
    channel: Name = ""
    photo: Name = ""
    customer_phone: CustomerPhone = ""


class LeavePerson(RequestModel):
    """Say that a person takes no more tickets; their open ones go to the backup, or else back to the queue."""

    person: NotBlank
    why: NotBlank


class ErasePerson(RequestModel):
    """Erase the contact and the photo of a person who has left."""

    person: NotBlank
    why: NotBlank


class PersonAnswer(TypedDict):
    """A person of the directory. `contact`, `photo`, `customer_phone`: empty in lists.

    `on_shift`: whether they work now.
    `left_at`: since when they take no more tickets; `erased_at`: when contact and photo were erased.
    """

    person: str
    role: str
    types: list[str]
    regions: list[str]
    skills: dict[str, int]
    shift: str
    capacity: int
    contact: str
    backup: str
    channel: str
    photo: str
    customer_phone: str
    left_at: datetime | None
    erased_at: datetime | None
    changed_at: datetime
    changed_by: str
    open_tickets: int
    on_shift: bool


class PeopleList(TypedDict):
    """People, by name."""

    people: list[PersonAnswer]


class LeftAnswer(TypedDict):
    """Who left, and how many open tickets went to whom; an empty name: back to the queue."""

    person: str
    left_at: datetime
    handed_to: str
    tickets: int


def people_routes(
    directory: PeopleDirectory, let_go: LetGo, refused: RejectedInputStore, now: Now, calendars: Calendars
) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _PeopleHandlers(directory, let_go, now, calendars)
    requests = DecidedRequests(refused, Access.DECIDE_PEOPLE)
    return [
        reading("/v1/people", handlers.list_people, "List the people who take tickets", PeopleList),
        reading("/v1/people/{person}", handlers.show_person, "Show a person with contact and photo", PersonAnswer),
        requests.route("/v1/people/{person}", ApplyPerson, handlers.apply, PeopleList),
        requests.route("/v1/people/{person}/leave", LeavePerson, handlers.leave, LeftAnswer),
        requests.route("/v1/people/{person}/erase", ErasePerson, handlers.erase, PeopleList),
    ]


@dataclass(frozen=True, slots=True)
class _PeopleHandlers:
    directory: PeopleDirectory
    let_go: LetGo
    now: Now
    calendars: Calendars

    async def list_people(self, http: HttpRequest) -> Response:
        """List them by name, those who left too; without contacts and photos."""
        await admit(http, Access.PEOPLE)
        return json_response(self._listed(await self.directory.listed()))

    async def show_person(self, http: HttpRequest) -> Response:
        """Show a person in clear; that it was read is recorded."""
        client = await admit(http, Access.PEOPLE)
        rows = await self.directory.listed(plain_name(http.path_params["person"]))
        if not rows:
            raise gone("person", _ABSENT)
        (row,) = await self.directory.in_clear(rows, reader_of(http, client))
        return json_response(self._answer(row))

    async def apply(self, wanted: ApplyPerson, by: str) -> object:
        """Add or change the person; the very same again changes nothing."""
        person = read_person(wanted.person, wanted.model_dump())
        await self.directory.apply([person], Decided(by=by, at=self.now()))
        return self._listed(await self.directory.listed(person.person))

    async def leave(self, wanted: LeavePerson, by: str) -> object:
        """Have the person leave; 404 when there is none."""
        left = await self.let_go(plain_name(wanted.person), self._decided(wanted.why, by))
        if left is None:
            raise gone("person", _ABSENT)
        row, handed = left
        return {"person": row.profile.person, "left_at": row.left_at, "handed_to": handed.to, "tickets": handed.tickets}

    async def erase(self, wanted: ErasePerson, by: str) -> object:
        """Erase; 404 when there is nobody of that name who left."""
        row = await self.directory.erase(plain_name(wanted.person), self._decided(wanted.why, by))
        if row is None:
            raise gone("person", _GONE)
        return self._listed(await self.directory.listed(row.profile.person))

    def _decided(self, why: str, by: str) -> Decided:
        return Decided(by=by, why=mask_text(why), at=self.now())

    def _listed(self, rows: Sequence[PersonRow]) -> dict[str, Any]:
        return {"people": [{**self._answer(one), **dict.fromkeys(SEALED, "")} for one in rows]}

    def _answer(self, row: PersonRow) -> dict[str, Any]:
        return {**row_json(row), "on_shift": is_on_shift(row.profile, self.calendars, self.now())}
