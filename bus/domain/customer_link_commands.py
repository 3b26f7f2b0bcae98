"""Commands on the link to a customer's page of a ticket (R16)."""

from dataclasses import dataclass

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeCustomerLink:
    """Revoke the links to the customer's page that were given out; a new one is made by asking for it again."""

    reason: fields.Reason = ""
