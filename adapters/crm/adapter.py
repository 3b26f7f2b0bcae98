"""The CRM as a source: the contract's two calls, bound to its name and its secrets."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from adapters.crm import signature
from adapters.crm.translate import translate
from bus.domain.commands import Request
from schemas.messages import RequestReceived


class CrmAdapter:
    """One CRM that sends signed webhooks. Secrets are read once; the first signs, all verify. Raises SettingsWrong."""

    def __init__(self, secrets: Iterable[str], name: str = "crm") -> None:
        """Bind the name under which it speaks and its secrets, `whsec_…`."""
        self.name = name
        self._secrets = tuple(signature.secret(each, where=f"webhook_secrets.{name}") for each in secrets)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Prove the sender. Without secrets nobody can be proven. Pure. Raises MalformedInput."""
        return signature.verify(headers, body, secrets=self._secrets, now=now)

    def translate(self, received: RequestReceived) -> tuple[Request, ...]:
        """Say what a delivery wants. Pure. Raises MalformedInput."""
        return translate(received)
