"""Models of a CRM's webhook bodies, one per type; each gives the command it asks for. Pure.

How long a text may be is the command's own limit, as over HTTP: bus/intake/command_bodies.py.
"""

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from adapters.crm.status import Settable, settable
from bus.domain.closing_commands import ConfirmClosure, RejectClosure, Reopen
from bus.domain.commands import AskProgress, Command, Note, OpenTicket
from bus.domain.simplified import simplified
from bus.domain.terms import KeyKind, Term, Tick
from bus.domain.values import Customer, IncidentKey
from bus.intake.command_bodies import YEARS
from bus.wire.json_body import joined


def _instant(value: Any) -> datetime:
    """Read an RFC 3339 time with its offset, as UTC; a time without a zone is anybody's guess and refused."""
    at = None
    with contextlib.suppress(TypeError, ValueError):
        at = datetime.fromisoformat(value)
    if at is None or at.tzinfo is None:
        raise PydanticCustomError("not_a_time", "")
    if at.year not in YEARS:
        raise PydanticCustomError("out_of_years", "")
    return at.astimezone(UTC)


def _in_english(kind: type[Term]) -> Callable[[Any], Any]:
    """Let a closed list be spelled in Chinese as well."""
    words: Mapping[str, Term] = {member.zh: member for member in kind}
    return lambda value: words.get(simplified(value.strip()), value.strip()) if isinstance(value, str) else value


def _without_nulls(value: Any) -> Any:
    """Leave out what is null or an empty text: it is not there. Forms send every field."""
    match value:
        case dict():
            return {name: inner for name, inner in value.items() if not _is_absent(inner)}
        case list():
            return [inner for inner in value if not _is_absent(inner)]
        case _:
            return value


def _as_list(value: Any) -> Any:
    """Take one text where a list is meant as its only item."""
    return [value] if isinstance(value, str) else value


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


Instant = Annotated[datetime, PlainValidator(_instant)]
Named = Annotated[str, Field(min_length=1)]
Status = Annotated[str, Field(max_length=200)]  # looked for among the states, and shown where it is none
Words = Annotated[tuple[str, ...], BeforeValidator(_without_nulls), BeforeValidator(_as_list)]
Ticks = Annotated[tuple[Annotated[Tick, BeforeValidator(_in_english(Tick))], ...], BeforeValidator(_without_nulls)]


class CrmModel(BaseModel):
    """Every part of a delivery: null is absence; unknown fields are passed over, and named by `unknown_fields`."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, data: Any) -> Any:
        return _without_nulls(data)


class CrmEnvelope(CrmModel):
    """The outer shape; `timestamp` is when it happened at the CRM, where it says so."""

    type: Named
    timestamp: Instant | None = None
    data: dict[str, Any]


class Key(CrmModel):
    """事件唯一标识."""

    kind: Annotated[KeyKind, BeforeValidator(_in_english(KeyKind))]
    value: Named


class Reporter(CrmModel):
    """Who reported; personal."""

    name: str = ""
    phone: str = ""
    address: str = ""


class About(CrmModel):
    """Which ticket, by the CRM's own number, and who did it there."""

    source_no: Named
    by: str = ""

    @abstractmethod
    def command(self) -> Command:
        """Say what is wanted of the bus."""


class Created(About):
    """`ticket.created`."""

    incident_key: Key
    title: Named
    type: Named
    region: str = ""
    description: str = ""
    skills: Words = ()
    priority: str = ""
    serial: str = ""
    customer: Reporter = Reporter()
    opened_at: Instant | None = None
    product: str = ""
    batch: str = ""
    customer_ref: str = ""

    def command(self) -> OpenTicket:
        return OpenTicket(
            incident_key=IncidentKey(kind=self.incident_key.kind, value=self.incident_key.value),
            title=self.title,
            type=self.type,
            region=self.region,
            source_no=self.source_no,
            description=self.description,
            skills=self.skills,
            priority=self.priority,
            serial=self.serial,
            customer=Customer(name=self.customer.name, phone=self.customer.phone, address=self.customer.address),
            opened_at=self.opened_at,
            product=self.product,
            batch=self.batch,
            customer_ref=self.customer_ref,
        )


class Remarked(About):
    """`ticket.note`."""

    text: Named

    def command(self) -> Note:
        return Note(text=self.text)


class ProgressAskedData(About):
    """`ticket.progress_asked`: the customer asks how it goes."""

    asked_by: str = ""
    text: str = ""

    def command(self) -> AskProgress:
        return AskProgress(asked_by=self.asked_by, text=self.text)


class Confirmed(About):
    """`ticket.closure_confirmed`; a tick that the customer did not give stays absent, and the domain refuses."""

    confirmed_by: str = ""
    ticks: Ticks = ()

    def command(self) -> ConfirmClosure:
        return ConfirmClosure(confirmed_by=self.confirmed_by, ticks=self.ticks)


class Rejected(About):
    """`ticket.closure_rejected`."""

    rejected_by: str = ""
    reason: str = ""
    reason_code: str = ""

    def command(self) -> RejectClosure:
        return RejectClosure(rejected_by=self.rejected_by, reason=self.reason, reason_code=self.reason_code)


class StatusChanged(About):
    """`ticket.status_changed`: the CRM's own word; see `status` for what a CRM may set."""

    status: Annotated[Status, Field(min_length=1)]
    reason: str = ""
    confirmed_by: str = ""
    ticks: Ticks = ()

    def command(self) -> ConfirmClosure | Reopen:
        asked = settable(self.status)
        if asked is Settable.REOPEN:
            return Reopen(reason=self.reason)
        return ConfirmClosure(confirmed_by=self.confirmed_by, ticks=self.ticks)


TYPES: Final[Mapping[str, type[About]]] = {
    "ticket.created": Created,
    "ticket.note": Remarked,
    "ticket.progress_asked": ProgressAskedData,
    "ticket.closure_confirmed": Confirmed,
    "ticket.closure_rejected": Rejected,
    "ticket.status_changed": StatusChanged,
}


def unknown_fields(model: type[BaseModel], raw: Mapping[str, Any], path: str) -> Iterator[str]:
    """Give the paths of the fields that a model does not know, those of its parts too. Pure."""
    for name, inner in raw.items():
        where = joined(path, name)
        if name not in model.model_fields:
            yield where
        elif isinstance(inner, Mapping) and (part := part_of(model, name)):
            yield from unknown_fields(part, inner, where)


def known_fields(model: type[BaseModel], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give a body without the fields that a model does not know, those of its parts neither. Pure."""
    return {
        name: known_fields(part, inner) if isinstance(inner, Mapping) and (part := part_of(model, name)) else inner
        for name, inner in raw.items()
        if name in model.model_fields
    }


def part_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Give the model of a nested part; every part is required or has a default, so its annotation is the class."""
    inner = model.model_fields[name].annotation
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
