"""The small records that events, commands and tickets are made of."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain.personal import Personal
from bus.domain.terms import KeyKind, TicketStep, WaitingFor


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentKey:
    """事件唯一标识: what tells two reports of one incident apart from two incidents (R1)."""

    kind: Annotated[KeyKind, Doc("what the key is")]
    value: Annotated[
        str,
        Doc("the number or phone as the source wrote it; blanks and case do not matter"),
        Personal(where=("kind", KeyKind.PHONE)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who reported. Personal data: masked in every log and trace."""

    name: Annotated[str, Doc("the reporter's name; empty: not known"), Personal()] = ""
    phone: Annotated[str, Doc("the reporter's phone as the source wrote it; empty: not known"), Personal()] = ""
    address: Annotated[str, Doc("where the device stands, in one or more lines; empty: not known"), Personal()] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborator:
    """Somebody who has a part in a ticket beside who is responsible (R10)."""

    person: Annotated[str, Doc("who, by name")]
    part: Annotated[str, Doc("what is theirs to do")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignee:
    """Who is responsible (R6): a role and a person with a contact, and a backup; never a department."""

    role: Annotated[str, Doc("what the person is in this ticket, as the dispatcher names it")] = ""
    person: Annotated[str, Doc("who is responsible, by name, which is also that of their app's pushes")] = ""
    contact: Annotated[str, Doc("how the person is reached: phone or mail")] = ""
    backup_person: Annotated[str, Doc("who stands in, by name: another person")] = ""
    backup_contact: Annotated[str, Doc("how the one who stands in is reached: phone or mail")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerTrace:
    """What came with a trace beside its id (W3C): whether it is sampled, and the vendors' own entries."""

    sampled: bool = True
    tracestate: str = ""

    @classmethod
    def of_columns(cls, sampled: bool | None, tracestate: str | None) -> "CallerTrace":
        """Make it of a ticket's columns, both None where there is no such ticket."""
        return cls(sampled=sampled is not False, tracestate=tracestate or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCalendar:
    """The working hours that a promise counts in, whole: whoever reads it needs no file of that day (R7)."""

    version: Annotated[str, Doc("the calendar's name, `@` and a digest of all its hours, as `office@87e675d60177`")]
    zone: Annotated[str, Doc("the time zone of the hours, as Asia/Shanghai")]
    hours: Annotated[
        str,
        Doc("the hours of the week, then of days apart from the opening's year on, as OpenStreetMap's opening_hours"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDeadline:
    """Within what time a step of the ticket's way is due, counted from when it became the next one (R13)."""

    step: Annotated[TicketStep, Doc("the step, by the command that takes it")]
    within_s: Annotated[int, Doc("the time allowed for it, in seconds; of working time where there is a calendar")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAllowance:
    """How long a ticket may wait for somebody with its resolution clock standing, in all its pauses together (R7)."""

    waiting_for: Annotated[WaitingFor, Doc("whom it waits for")]
    allowed_s: Annotated[int, Doc("the time allowed, in seconds; of working time where there is a calendar")]


PLAIN_TRACE = CallerTrace()
QUANTITIES = range(1, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A spare part and how many of it."""

    part_no: Annotated[str, Doc("the part's number in the ERP, its material code")]
    quantity: Annotated[int, Doc("pieces, 1 to 999,999")]
