"""How the types of events and commands read in the reference pages."""

import inspect
import types
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from bus.docgen.markdown import code, codes, table
from bus.domain.personal import personal_marks
from schemas.derive import field_docs

_PLAIN: dict[Any, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
    bytes: "bytes",
    datetime: "time",
    UUID: "UUID",
}


def spelled(hint: Any) -> str:
    """Spell a type for people. Pure."""
    hint = getattr(hint, "__supertype__", hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return " or ".join("nothing" if arg is type(None) else spelled(arg) for arg in args)
    if origin is tuple:
        return f"list of {spelled(args[0])}"
    if origin is not None:
        return f"map of string to {spelled(args[1])}"
    if hint in _PLAIN:
        return _PLAIN[hint]
    if issubclass(hint, StrEnum):
        return f"one of {codes(word.value for word in hint)}"
    return f"[{hint.__name__}](#{hint.__name__.lower()})"


def field_table(cls: type, *, but: str = "", asked: bool = False) -> str:
    """Draw a class's fields: name, type, meaning; where they are `asked` for, whether a value must be given. Pure."""
    hints, docs = get_type_hints(cls), field_docs(cls)
    rows = [
        (code(one.name), spelled(hints[one.name]), *_needed(one, asked), docs[one.name] + _personal(cls, one.name))
        for one in fields(cls)
        if one.name != but
    ]
    return table(("Field", "Type", *([""] if asked else []), "Meaning"), rows)


def records(classes: Iterable[type]) -> tuple[type, ...]:
    """Find the records that classes and these records hold, each once, in the order in which they are met. Pure."""
    found: dict[type, None] = {}
    for cls in classes:
        for hint in get_type_hints(cls).values():
            for part in (hint, *get_args(hint)):
                if isinstance(part, type) and is_dataclass(part) and part not in found:
                    found |= dict.fromkeys((part, *records([part])))
    return tuple(found)


def record_section(cls: type) -> str:
    """Describe a record: heading, sentence, fields. Pure."""
    return f"### {cls.__name__}\n\n{sentence(cls)}\n\n{field_table(cls)}"


def sentence(cls: type) -> str:
    """Give a class's docstring in one paragraph. Pure."""
    return " ".join(inspect.cleandoc(cls.__doc__ or "").split())


def _personal(cls: type, name: str) -> str:
    if (mark := personal_marks(cls).get(name)) is None:
        return ""
    return "; **personal**" + (f" where {code(mark.where[0])} is {code(mark.where[1])}" if mark.where else "")


def _needed(one: Field[Any], asked: bool) -> tuple[str, ...]:
    optional = one.default is not MISSING or one.default_factory is not MISSING
    return ("" if optional else "required",) if asked else ()
