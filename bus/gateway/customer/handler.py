"""What a customer sees of who handles their ticket: what the directory of people has for customers. Pure."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from unicodedata import normalize
from urllib.parse import quote, urlsplit

from bus.domain.people import Person

_DIALLED: Final = re.compile(r"(\+?[0-9]{3,20})(?:[^0-9]{1,5}([0-9]{1,7}))?")  # and its extension
_BESIDE: Final = re.compile(r"\(0\)|[ ()-]")  # the digits, and a 0 that is dialled within a country alone
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*")  # what a header may hold
_KEPT: Final = "%/?#[]@!$&'()*+,;=:~"  # of an address, beside letters and digits


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
    found = _DIALLED.fullmatch(_BESIDE.sub("", normalize("NFKC", person.customer_phone)))
    phone = person.customer_phone if found else ""
    dialled = ",".join(filter(None, found.groups())) if found else ""  # at a comma phones wait before they go on
    return ShownHandler(phone=phone, dialled=dialled, photo=_as_uri(person.photo))


def _as_uri(address: str) -> str:
    """Spell an address as a header has it: its host by IDNA, what else is not ASCII in percents; empty for none."""
    scheme, _, rest = address.partition("://")
    authority, _, path = rest.partition("/")
    host, colon, port = authority.partition(":")
    try:
        uri = f"{scheme.lower()}://{host.encode('idna').decode()}{colon}{port}/{quote(path, safe=_KEPT)}"
    except UnicodeError:
        return ""
    return uri if _ADDRESS.fullmatch(uri) else ""
