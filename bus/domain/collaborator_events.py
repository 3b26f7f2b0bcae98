"""Events of who has a part in a ticket beside the lead (R10)."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class CollaboratorAdded:
    """Somebody has a part in the ticket beside who is responsible; the last part told is theirs."""

    person: fields.PersonName
    part: Annotated[str, Doc("what is theirs to do in this ticket")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollaboratorRemoved:
    """Somebody has no part in the ticket any more."""

    person: fields.PersonName
    part: Annotated[str, Doc("what was theirs to do")]
    reason: fields.Reason
