"""Commands on the link to an engineer's page of a ticket (R18)."""

from dataclasses import dataclass

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeEngineerLink:
    """Revoke the links to the engineer's page that were given out; who has the ticket needs a new one."""

    reason: fields.Reason = ""
