"""Events of the link to an engineer's page of a ticket (R18)."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineerLinkRevoked:
    """The links to the engineer's page that were given out so far open nothing any more; a new one does."""

    number: Annotated[int, Doc("how often the ticket's links were revoked, this time included; links are made of it")]
    reason: fields.Reason
