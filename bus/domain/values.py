"""The small records that events, commands and tickets are made of."""

from dataclasses import dataclass

from bus.domain.terms import KeyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentKey:
    """事件唯一标识: what tells two reports of one incident apart from two incidents (R1)."""

    kind: KeyKind
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who reported. Personal data: masked in every log and trace."""

    name: str = ""
    phone: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignee:
    """Who is responsible (R6): a role and a person with a contact, and a backup; never a department."""

    role: str = ""
    person: str = ""
    contact: str = ""
    backup_person: str = ""
    backup_contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A spare part and how many of it."""

    part_no: str
    quantity: int
