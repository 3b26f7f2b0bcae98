"""Commands on who has a part in a ticket beside the lead (R10)."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCollaborator:
    """Have a person of the directory take a part beside the lead; again with another part: the part changes."""

    person: fields.PersonName
    part: Annotated[str, Doc("what is theirs to do in this ticket, in a few words")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveCollaborator:
    """End a collaborator's part."""

    person: fields.PersonName
    reason: fields.Reason = ""
