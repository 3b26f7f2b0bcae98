"""What subscribers should stop reading, and until when it stays: schemas/deprecations.yaml. Pure but for that file."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib import resources
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from bus.domain.naming import did_you_mean, nearest
from schemas.catalogue import EVENT_TYPES
from schemas.field_paths import fields_of
from schemas.topics import Contract

FILE = "deprecations.yaml"


class Deprecation(BaseModel):
    """A public topic, an event or a field (`TicketAssigned.assignee.contact`) that may be gone from `until` on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    since: date
    until: date
    instead: str = Field(min_length=1)
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _until_after_since(self) -> Self:
        if self.until <= self.since:
            raise ValueError(f"{self.what}: `until` must be a later day than `since`")
        return self


_LIST = TypeAdapter(tuple[Deprecation, ...])


def read_deprecations(text: str) -> Sequence[Deprecation]:
    """Read the file's text. Raises ValueError that names the entry and the field."""
    try:
        return _LIST.validate_python(yaml.safe_load(text) or ())
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise ValueError(f"{FILE}: {'; '.join(wrong)}") from None


def load_deprecations(contract: Contract) -> Sequence[Deprecation]:
    """Read the file; what it names is there. Raises ValueError with the name that was meant."""
    listed = read_deprecations(resources.files("schemas").joinpath(FILE).read_text(encoding="utf-8"))
    for one in listed:
        if wrong := unknown_name(one.what, contract):
            raise ValueError(f"{FILE}: {wrong}")
    return listed


def unknown_name(what: str, contract: Contract) -> str:
    """Say what is wrong with the name of a topic, an event or a field; nothing where the contract has it."""
    known = _names()
    if what in known or what in contract.public():
        return ""
    return f"{what} is no public topic, event or field{did_you_mean(nearest(what, (*contract.public(), *known))).en}"


def field_names(event: str) -> Sequence[str]:
    """Give every field of an event, as `TicketAssigned.assignee.contact`; of an unknown event none."""
    return [name for name in _names() if name.startswith(f"{event}.")]


@cache
def _names() -> Sequence[str]:
    return [
        name
        for one in EVENT_TYPES
        for name in (one.cls.__name__, *(f"{one.cls.__name__}.{path}" for path in fields_of(one.schema)))
    ]
