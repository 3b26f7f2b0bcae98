"""What stands beside the type of a field in its `Annotated`. Pure."""

from collections.abc import Mapping
from functools import cache
from typing import TypeVar, get_type_hints

Note = TypeVar("Note")


@cache
def notes_of(cls: type, kind: type[Note]) -> Mapping[str, Note]:
    """Give the notes of one kind by field; a field without one is left out, and so are those of records inside it."""
    hints = get_type_hints(cls, include_extras=True)
    notes = ((name, note) for name, hint in hints.items() for note in getattr(hint, "__metadata__", ()))
    return {name: note for name, note in notes if isinstance(note, kind)}
