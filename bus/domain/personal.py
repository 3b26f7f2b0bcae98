"""Which fields hold personal data of a customer or of staff (R50): marked once, beside their `Doc`. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_type_hints

from bus.domain.annotations import notes_of

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Marks a field, in its `Annotated`, as personal data of a customer, or of somebody in the directory.

    `where`: the name and value of a field beside it, without which it is none.
    """

    where: tuple[str, str] | None = None


def personal_marks(cls: type) -> Mapping[str, Personal]:
    """Give the marks of a class's own fields by name; those of records inside it stand in their classes."""
    return notes_of(cls, Personal)


def personal_fields(value: Any, within: str = "") -> dict[str, Any]:
    """Give the personal data that a record holds, in records and lists inside it too: path (`customer.phone`) → value.

    An empty field is given as well; one whose mark depends on a field beside it only where that holds.
    """
    if isinstance(value, tuple):
        named: list[tuple[str, Any]] = [(str(number), one) for number, one in enumerate(value)]
    elif is_dataclass(value) and not isinstance(value, type):
        named = [(one.name, getattr(value, one.name)) for one in fields(value)]
    else:
        return {}
    cls: type = type(value)
    marks = personal_marks(cls)
    found = dict[str, Any]()
    for name, inner in named:
        if (mark := marks.get(name)) is None:
            found |= personal_fields(inner, f"{within}{name}.")
        elif mark.where is None or getattr(value, mark.where[0]) == mark.where[1]:
            found[f"{within}{name}"] = inner
    return found


def with_personal(record: Record, change: Callable[[str], str]) -> Record:
    """Give a record with each of its personal texts changed, in records inside it too; an empty text stays empty."""
    cls: type = type(record)
    changed = dict[str, Any]()
    for name, mark in _texts_of(cls):
        value = getattr(record, name)
        if mark is None:
            inner = with_personal(value, change)
        elif value and (mark.where is None or getattr(record, mark.where[0]) == mark.where[1]):
            inner = change(value)
        else:
            continue
        if inner is not value:
            changed[name] = inner
    # Faster than `replace`: this is done for every event.
    return cls(**{name: getattr(record, name) for name in _fields_of(cls)} | changed) if changed else record


@cache
def _fields_of(cls: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(cls))


@cache
def _texts_of(cls: type) -> Sequence[tuple[str, Personal | None]]:
    """List a class's personal fields with their marks, and without one the records inside it that have some."""
    marks = personal_marks(cls)
    hints: dict[str, Any] = get_type_hints(cls)
    inside = {name: hint for name, hint in hints.items() if isinstance(hint, type) and name not in marks}
    records = [name for name, inner in inside.items() if is_dataclass(inner) and _texts_of(inner)]
    return (*marks.items(), *((name, None) for name in records))
