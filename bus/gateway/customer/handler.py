"""What a customer sees of who handles their ticket: what the directory of people has for customers. Pure."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from bus.domain.people import Person

_DIALLED: Final = re.compile(r"(\+?[0-9]{3,20})(?:[^0-9]{1,5}([0-9]{1,7}))?")  # and its extension
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*")  # what a header may hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHandler:
    """The phone to call as it is written and as it is dialled, and the photo's address; empty: there is none."""

    phone: str = field(default="", repr=False)
    dialled: str = field(default="", repr=False)
    photo: str = field(default="", repr=False)

    @property
    def photo_from(self) -> str:
        """The origin of the photo."""
        parts = urlsplit(self.photo)
        return f"{parts.scheme}://{parts.netloc}" if self.photo else ""


NOT_LISTED: Final = ShownHandler()
HandlerOf = Callable[[str, datetime], Awaitable[ShownHandler]]
"""Give what customers may see of a person, by name; that it is read is recorded. Raises StoreUnavailable."""


def shown_handler(person: Person) -> ShownHandler:
    """Show a person of the directory, in clear; what is no phone or no address of an image is left out."""
    found = _DIALLED.fullmatch(re.sub(r"[ -]", "", person.customer_phone))
    phone = person.customer_phone if found else ""
    dialled = ",".join(filter(None, found.groups())) if found else ""  # at a comma phones wait before they go on
    photo = person.photo if _ADDRESS.fullmatch(person.photo) else ""
    return ShownHandler(phone=phone, dialled=dialled, photo=photo)
