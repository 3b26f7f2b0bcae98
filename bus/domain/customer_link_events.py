"""Events of the link to a customer's page of a ticket (R16)."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinkRevoked:
    """The links to the customer's page that were given out so far open nothing any more; a new one does."""

    number: Annotated[int, Doc("how often the ticket's links were revoked, this time included; links are made of it")]
    reason: fields.Reason
