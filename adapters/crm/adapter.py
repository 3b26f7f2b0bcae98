"""The CRM as a source: the contract's two calls, bound to its name and its secrets."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from adapters.adapter import EnvironmentSecrets, Options, SourceAdapter, SourceServices
from adapters.crm import signature
from adapters.crm.translate import translate
from bus.config_file import VariableName
from bus.domain.commands import Request
from schemas.messages import RequestReceived


class CrmAdapter:
    """One CRM that sends signed webhooks. Of its secrets the first signs, all verify. Raises SettingsInvalid."""

    def __init__(self, secrets: Iterable[str], name: str = "crm", *, where: str = "") -> None:
        """Bind the name under which it speaks and its secrets, `whsec_…`; `where` they stand is said of a wrong one."""
        self.name = name
        self._secrets = tuple(signature.secret(each, where=where or f"webhook_secrets.{name}") for each in secrets)

    @property
    def secrets(self) -> frozenset[bytes]:
        """Give its keys, to be compared with those of other sources."""
        return frozenset(one.key for one in self._secrets)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Verify the signature. Without secrets every delivery is refused. Pure. Raises MalformedInput."""
        return signature.verify(headers, body, secrets=self._secrets, now=now)

    def translate(self, received: RequestReceived) -> tuple[Request, ...]:
        """Say what a delivery wants. Pure. Raises MalformedInput."""
        return translate(received)


class CrmWebhookOptions(Options):
    """What a sources file says of a CRM: where its secrets stand, `whsec_…`; two while they rotate."""

    secrets: Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=2)]


def _build(options: CrmWebhookOptions, secrets: EnvironmentSecrets, services: SourceServices) -> CrmAdapter:
    keys = [secrets.read(name).get_secret_value() for name in options.secrets]
    return CrmAdapter(keys, name=services.name, where=f"{secrets.where}.secrets")


ADAPTER: Final = SourceAdapter(name="crm-webhook", options=CrmWebhookOptions, build=_build)
