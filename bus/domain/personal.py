"""Which fields hold personal data of a customer (R50): marked once, beside their `Doc`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from bus.domain.annotations import notes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Marks a field, in its `Annotated`, as personal data of a customer.

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
